import { describe, expect, test } from 'vitest';
import { Closing } from '../../src/daemon/guard/closing.ts';
import type { BridgePort } from '../../src/daemon/guard/ports.ts';
import type { Link } from '../../src/netlink/link.ts';

const [enrolled, other] = [4, 7];

/** A host whose veths are read by index, with a clock of its own. */
class Host {
  readonly links = new Map<number, Link>();
  readonly held: number[] = [];
  readonly closed: number[] = [];
  #now = 0;
  #timers: { at: number; call: () => void }[] = [];
  readonly closing = new Closing({
    link: (index) => this.links.get(index) ?? null,
    heldPorts: () => this.held,
    close: (bridge) => this.closed.push(bridge),
    now: () => this.#now,
    after: (wait, call) => {
      this.#timers.push({ at: this.#now + wait, call });
      return () => {};
    },
  });

  /** A veth on a bridge whose other end is in a namespace; null: still in the host's own. */
  veth(index: number, master: number, netns: number | null): BridgePort {
    const [name, peer] = [`veth${index}`, { index: 2, netns }];
    const link = { index, name, mac: null, master, kind: 'veth', up: true, peer, bridgeCalls: null };
    this.links.set(index, link);
    return { index, name, bridge: master, peer, joined: this.#now };
  }

  pass(milliseconds: number): void {
    for (const end = this.#now + milliseconds; this.#now < end; this.#now++) {
      const due = this.#timers.filter(({ at }) => at <= this.#now);
      this.#timers = this.#timers.filter(({ at }) => at > this.#now);
      for (const { call } of due) call();
    }
  }
}

describe('a bridge that nobody has enrolled', () => {
  test('is closed when a container that is held is connected to it', () => {
    const host = new Host();
    host.veth(10, enrolled, 3);
    host.held.push(10);
    host.closing.arrived(host.veth(11, other, 3));
    expect(host.closed).toEqual([other]);
  });

  test('is closed as soon as the other end is in the container, which nobody tells on older engines', () => {
    const host = new Host();
    host.veth(10, enrolled, 3);
    host.held.push(10);
    host.closing.arrived(host.veth(11, other, null));
    host.pass(50);
    expect(host.closed).toEqual([]);
    host.veth(11, other, 3);
    host.pass(3);
    expect(host.closed).toEqual([other]);
  });

  test('stays open for containers of which nothing is held', () => {
    const host = new Host();
    host.veth(10, enrolled, 3);
    host.held.push(10);
    host.closing.arrived(host.veth(11, other, 4));
    host.closing.arrived(host.veth(12, other, null));
    host.pass(5_000);
    expect(host.closed).toEqual([]);
  });

  test('is not asked about for ever, nor when the port has gone', () => {
    const host = new Host();
    host.veth(10, enrolled, 3);
    host.held.push(10);
    host.closing.arrived(host.veth(11, other, null));
    host.pass(3_000);
    host.veth(11, other, 3);
    host.pass(1_000);
    host.closing.arrived(host.veth(12, other, null));
    host.links.delete(12);
    host.pass(1_000);
    expect(host.closed).toEqual([]);
  });
});
