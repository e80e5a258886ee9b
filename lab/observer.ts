/** Observers: what really arrived somewhere, written down by a process that stands beyond the sender's last hook. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Cell, Place } from './cell.ts';
import { until } from './exec.ts';

/** One packet as `labtool observe` saw it. Fields a packet does not have are absent. */
export interface Packet {
  /** When the kernel there took it in, microseconds since the epoch; an observer that is late to read does not change it. */
  t: number;
  /** Whom the frame was for; `input`: delivered here after the last input hook. */
  to: 'host' | 'broadcast' | 'multicast' | 'other' | 'out' | 'input';
  /** EtherType. */
  eth?: number;
  smac?: string;
  dmac?: string;
  /** Addresses as text; of ARP the protocol addresses. */
  src?: string;
  dst?: string;
  ttl?: number;
  /** IP protocol number. */
  proto?: number;
  /** Source port; of an ICMP echo its identifier. */
  sport?: number;
  dport?: number;
  /** TCP flags, of the letters FSRPAUEC. */
  flags?: string;
  /** ICMP type and code. */
  type?: number;
  code?: number;
  /** Target of neighbour discovery. */
  target?: string;
  /** ARP operation and hardware addresses. */
  op?: number;
  sha?: string;
  tha?: string;
  token?: string;
  /** The payload's number, and when its sender sent it (microseconds since the epoch), where senders say so. */
  n?: number;
  sent?: number;
  /** Bytes on the wire (`input`: bytes delivered). */
  len?: number;
}

/** Which packets: a token, or any condition. */
export type Wanted = string | ((packet: Packet) => boolean);

/** ICMP errors quote the packet they are about, token included: they are no arrival of it. */
function isIcmpError(packet: Packet): boolean {
  if (packet.type === undefined) return false;
  return packet.proto === 1 ? [3, 4, 5, 11, 12].includes(packet.type) : packet.proto === 58 && packet.type < 128;
}

/** The machine was too busy to see everything that arrived: no judgement is possible. */
export class ObserverOverrun extends Error {
  override readonly name = 'ObserverOverrun';
}

const kept = 200_000;

export class Observer {
  /** Who sees: the far host's or container's name. */
  readonly name: string;
  /** All packets seen, oldest first, also those for others that a bridge flooded; the oldest go when there are very many. */
  packets: Packet[] = [];
  #process: ChildProcessWithoutNullStreams;
  #ready = false;
  #ended = false;
  #syncs = new Map<string, () => void>();
  #syncCount = 0;
  #byKey = new Map<string, Packet[]>();
  #errors = '';
  /** Packets that came faster than they were read, and that nobody has seen. */
  #lost = 0;
  #forgiven = 0;

  private constructor(name: string, process: ChildProcessWithoutNullStreams) {
    this.name = name;
    this.#process = process;
    process.stdin.on('error', () => {});
    process.stderr.on('data', (data: Buffer) => {
      this.#errors += data;
    });
    // what it was saying when it was ended breaks off
    createInterface({ input: process.stdout }).on('line', (line) => {
      if (!this.#ended) this.#take(line);
    });
    process.on('exit', () => {
      this.#ended = true;
      for (const done of this.#syncs.values()) done();
    });
  }

  /**
   * Starts one. `what`: an interface, `any`, or `input` (packets after the input hook of that network).
   * `inside`: network of another process of the cell, by its PID there.
   */
  static async open(
    name: string,
    cell: Cell,
    what: string,
    place: Place & { inside?: number } = {},
  ): Promise<Observer> {
    const into = place.inside === undefined ? [] : ['/run/labtool', 'netns', String(place.inside), '--'];
    const observer = new Observer(name, cell.spawn([...into, '/run/labtool', 'observe', what], place));
    await until(`observer ${name}`, () => {
      if (observer.#ended) throw new Error(`observer ${name}: ${observer.#errors.trim()}`);
      return observer.#ready ? true : undefined;
    });
    return observer;
  }

  get alive(): boolean {
    return !this.#ended;
  }

  #take(line: string): void {
    const packet = JSON.parse(line) as Packet & { ready?: boolean; sync?: string; lost?: number };
    if (packet.ready) this.#ready = true;
    else if (packet.sync !== undefined) {
      this.#lost = packet.lost ?? 0;
      this.#syncs.get(packet.sync)?.();
    } else {
      if (this.packets.push(packet) > kept) this.packets = this.packets.slice(kept / 2);
      if (packet.to === 'other') return; // flooded by a bridge, but for somebody else: nobody takes it
      if (packet.token !== undefined && !isIcmpError(packet)) this.#file(packet.token, packet);
      if (packet.proto === 6) this.#file(`6:${packet.sport}`, packet);
    }
  }

  #file(key: string, packet: Packet): void {
    const list = this.#byKey.get(key);
    if (list === undefined) this.#byKey.set(key, [packet]);
    else list.push(packet);
  }

  /** Resolves when everything that arrived before this call is in `packets`. */
  async sync(): Promise<void> {
    // A dead observer must not pass for one that saw nothing.
    if (this.#ended) throw new Error(`observer ${this.name} has ended: ${this.#errors.trim()}`);
    const id = String(++this.#syncCount);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`observer ${this.name} does not answer`)), 120_000);
      this.#syncs.set(id, () => {
        clearTimeout(timer);
        this.#syncs.delete(id);
        if (this.#ended) reject(new Error(`observer ${this.name} has ended: ${this.#errors.trim()}`));
        // One that has overlooked something must not pass for one that saw nothing, either.
        else if (this.#lost > this.#forgiven)
          reject(new ObserverOverrun(`observer ${this.name} missed ${this.#lost - this.#forgiven} packets`));
        else resolve();
      });
      this.#process.stdin.write(`sync ${id}\n`);
    });
  }

  /**
   * Packets of one probe, without waiting: those with its token and, for TCP, whose SYN has none, those with its source
   * port that came at or after `since` (microseconds since the epoch).
   */
  ofProbe(token: string, tcpSport: number | undefined, since: number): Packet[] {
    const found = [...(this.#byKey.get(token) ?? [])];
    if (tcpSport !== undefined) {
      for (const packet of this.#byKey.get(`6:${tcpSport}`) ?? []) {
        if (packet.t >= since && !found.includes(packet)) found.push(packet);
      }
    }
    return found;
  }

  /** What has been seen of `wanted` by now; waits for what is on its way, not for what may still be sent. */
  async seen(wanted: Wanted): Promise<Packet[]> {
    await this.sync();
    return typeof wanted === 'string' ? (this.#byKey.get(wanted) ?? []) : this.packets.filter(wanted);
  }

  /** Whether `wanted` has arrived by now. */
  async saw(wanted: Wanted): Promise<boolean> {
    return (await this.seen(wanted)).length > 0;
  }

  /** How many packets of `wanted` have arrived by now. */
  async count(wanted: Wanted): Promise<number> {
    return (await this.seen(wanted)).length;
  }

  /** How many packets with that token it has seen, without waiting, and also where it has overlooked some. */
  sawAtLeast(token: string): number {
    return this.#byKey.get(token)?.length ?? 0;
  }

  /** Forgets everything seen so far, and what was missed. */
  clear(): void {
    this.#forgiven = this.#lost;
    this.packets = [];
    this.#byKey.clear();
  }

  /** Ends it; whoever asks it afterwards gets an error. */
  stop(): void {
    this.#ended = true;
    this.#process.stdin.end();
    this.#process.kill('SIGKILL');
  }
}
