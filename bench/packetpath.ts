/** How long a listing of anybody's rules takes to be read and a packet to be walked through it, in a process that has done neither. */
import { performance } from 'node:perf_hooks';
import type { Listing } from '../src/packetpath/model.ts';
import { readListing } from '../src/packetpath/read/read.ts';
import { firstPacket } from '../src/packetpath/walk/ask.ts';
import { surroundingsOfListing } from '../src/packetpath/walk/derive.ts';
import { exactly } from '../src/packetpath/walk/packet.ts';
import { walkPacket } from '../src/packetpath/walk/walk.ts';
import type { BenchOptions } from './measured.ts';
import { markdown } from './table.ts';

const many = (count: number, line: (net: string) => string): string =>
  Array.from({ length: count }, (_, n) => `${line(`10.${(n >> 8) & 255}.${n & 255}.0/24`)}\n`).join('');

const columns = ' pkts bytes target     prot opt in     out     source               destination\n';

/** Listings of so many rules, each of an address, an interface, a port and a comment, in each form. */
const forms: Readonly<Record<string, (count: number) => string>> = {
  'iptables-save': (count) =>
    `*filter\n:FORWARD DROP [0:0]\n${many(count, (net) => `-A FORWARD -s ${net} -i br1 -p tcp -m tcp --dport 80 -m comment --comment "rule" -j ACCEPT`)}COMMIT\n`,
  'iptables -nvL': (count) =>
    `Chain FORWARD (policy DROP 0 packets, 0 bytes)\n${columns}${many(count, (net) => `    0     0 ACCEPT     tcp  --  br1    *       ${net}         0.0.0.0/0            tcp dpt:80 /* rule */`)}`,
  'nft list ruleset': (count) =>
    `table ip t {\n\tchain c {\n${many(count, (net) => `\t\tip saddr ${net} iifname "br1" tcp dport 80 counter packets 0 bytes 0 accept comment "rule"`)}\t}\n}\n`,
};

/** A packet that none of the rules is about: all of them are looked at. */
function walkThrough(listing: Listing): void {
  const asked = firstPacket({
    from: { in: { kind: 'name', name: 'br1' }, port: null },
    family: 4,
    source: exactly(0xac12_0002n),
    destination: exactly(0xc0a8_0505n),
    protocol: 6,
    port: exactly(80n),
  });
  const { outcomes } = walkPacket(listing, surroundingsOfListing(listing), asked);
  if (outcomes.some(({ by }) => by.kind === 'rule')) throw new Error('a rule took the packet that none is about');
}

/** Milliseconds of the processor and of the clock for each form; the first reading, and the best of the next. */
export async function packetpath({ quick, say }: BenchOptions): Promise<string> {
  const count = quick ? 10_000 : 50_000;
  const rows = Object.entries(forms).map(([form, make]) => {
    say(`${form}: ${count} rules`);
    const text = make(count);
    const runs = Array.from({ length: quick ? 2 : 5 }, () => {
      const [start, cpu] = [performance.now(), process.cpuUsage()];
      const listing = readListing(text);
      const rules = listing.tables.flatMap(({ chains }) => chains.flatMap((chain) => chain.rules)).length;
      if (rules !== count) throw new Error(`${form}: of ${count} rules ${rules} were read`);
      const used = process.cpuUsage(cpu);
      const read = performance.now();
      walkThrough(listing);
      return { clock: read - start, cpu: (used.user + used.system) / 1000, walk: performance.now() - read };
    });
    const [first] = runs as [(typeof runs)[0], ...typeof runs];
    const best = Math.min(...runs.slice(1).map(({ clock }) => clock));
    const walked = Math.min(...runs.slice(1).map(({ walk }) => walk));
    return [
      form,
      String(count),
      first.clock.toFixed(0),
      first.cpu.toFixed(0),
      best.toFixed(0),
      first.walk.toFixed(0),
      walked.toFixed(0),
    ];
  });
  const head = ['form', 'rules', 'first reading, ms', 'of the processor, ms', 'best later one, ms'];
  return markdown([...head, 'first walk, ms', 'best later one, ms'], rows);
}
