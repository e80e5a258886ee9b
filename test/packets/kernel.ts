/** What the host's kernel says of itself: counters of ours, neighbours it knows. */
import { until } from '../../lab/exec.ts';
import type { Site } from '../../lab/site.ts';
import type { RunCommand } from '../../src/iptables/command.ts';
import { differences } from '../../src/iptables/compare.ts';
import type { HostFacts } from '../../src/iptables/inet.ts';
import { renderXtables } from '../../src/iptables/render.ts';
import { parseSave } from '../../src/iptables/save.ts';
import { countersOf, readStanding as readXtables } from '../../src/iptables/standing.ts';
import { toolsOf } from '../../src/iptables/tools.ts';
import type { Ruleset } from '../../src/ruleset/ruleset.ts';
import { backendAt } from './backends.ts';

/** Packets by counter: `bridge spoofed`, `inet denied/app/app`, of tables named sluice. */
export async function counters(site: Site): Promise<ReadonlyMap<string, number>> {
  const backend = backendAt(site);
  if (backend !== 'nftables') {
    const save = async (program: string) => parseSave(await site.host.must([program, '-c']));
    const variant = backend === 'iptables-nft' ? 'nft' : 'legacy';
    return countersOf({
      inet: { 4: await save(`iptables-${variant}-save`), 6: await save(`ip6tables-${variant}-save`) },
      bridge: await save('ebtables-nft-save'),
    });
  }
  const listing = JSON.parse(await site.host.must(['nft', '-j', 'list', 'counters'])) as {
    nftables: { counter?: { family: string; table: string; name: string; packets: number } }[];
  };
  return new Map(
    listing.nftables.flatMap(({ counter }) =>
      counter?.table === 'sluice' ? [[`${counter.family} ${counter.name}`, counter.packets] as const] : [],
    ),
  );
}

/** Our rules as the host's commands list them, without counts; empty when there are none. */
export async function ourRules(site: Site): Promise<string> {
  const backend = backendAt(site);
  if (backend === 'nftables') {
    if (!(await site.host.must(['nft', 'list', 'tables'])).includes('sluice')) return '';
    return site.host.must(['nft', '-s', 'list', 'table', 'inet', 'sluice']);
  }
  const variant = backend === 'iptables-nft' ? 'nft' : 'legacy';
  const saves = [`iptables-${variant}-save`, `ip6tables-${variant}-save`, 'ebtables-nft-save'];
  const texts = await Promise.all(saves.map((save) => site.host.must([save])));
  const sets = (await site.host.must(['ipset', 'save'])).split('\n').filter((line) => line.includes('sluice-'));
  return [
    ...texts.flatMap((text) => text.split('\n').filter((line) => line.includes('DOCKER-OUTBOUND-'))),
    ...sets.sort(),
  ]
    .map((line) => line.replace(/\[\d+:\d+\]/, ''))
    .join('\n');
}

/** Takes everybody's rules and sets out of the kernel, as a boot does. */
export async function emptyKernel(site: Site): Promise<void> {
  const legacy = (start: string, names: string) =>
    `for table in $(cat /proc/net/${names}); do ${start} -t $table -F; ${start} -t $table -X; done`;
  const commands = [
    'nft flush ruleset',
    legacy('iptables-legacy', 'ip_tables_names'),
    legacy('ip6tables-legacy', 'ip6_tables_names'),
    // nf_tables lets go of sets some milliseconds after the rules that ask them
    'until ipset destroy 2>/dev/null; do sleep 0.05; done',
  ];
  await site.host.must(['sh', '-ec', commands.join('\n')]);
}

/** What of a ruleset does not stand on the host as iptables should have it, in words. */
export async function differencesAt(site: Site, ruleset: Ruleset): Promise<readonly string[]> {
  const variant = backendAt(site) === 'iptables-nft' ? 'nft' : 'legacy';
  const run: RunCommand = (program, args, input) =>
    site.host.run([program, ...args], { input, env: { TZ: 'UTC', LC_ALL: 'C' } });
  const tools = await toolsOf(variant, run);
  const links = JSON.parse(await site.host.must(['ip', '-json', '-details', 'link'])) as {
    ifname: string;
    ifindex: number;
    master?: string;
    linkinfo?: { info_kind?: string };
  }[];
  const plain = links.filter(({ master, linkinfo }) => master === undefined && linkinfo?.info_kind !== 'bridge');
  const facts: HostFacts = {
    plainInterfaces: plain.map(({ ifname }) => ifname),
    interfaces: new Map(links.map(({ ifindex, ifname }) => [ifindex, ifname])),
    security: tools.security,
  };
  return differences(renderXtables(ruleset, facts), await readXtables({ run, tools }));
}

/** By how much the counters rose while something was done; those that did not are left out. */
export async function risenBy(site: Site, work: () => Promise<unknown>): Promise<Readonly<Record<string, number>>> {
  const before = await counters(site);
  await work();
  const after = await counters(site);
  return Object.fromEntries(
    [...after].map(([name, packets]) => [name, packets - (before.get(name) ?? 0)] as const).filter(([, by]) => by > 0),
  );
}

/** The MAC that a network has in its table for an address; undefined when it has none. */
export async function knownMac(site: Site, who: string, address: string): Promise<string | undefined> {
  const command = ['ip', '-json', 'neigh', 'show', 'to', address];
  const said = who === 'host' ? await site.host.must(command) : (await site.host.inNetworkOf(who, command)).stdout;
  const [entry] = JSON.parse(said.trim() || '[]') as { lladdr?: string }[];
  return entry?.lladdr;
}

/** Makes somebody know an address, at a MAC; its first packet, and the question before it, may be lost. */
export async function meet(site: Site, who: string, address: string, mac: string): Promise<void> {
  await until(`${who} to know ${address}`, async () => {
    await site.host.probe(who, { to: address, proto: 'icmp' });
    return (await knownMac(site, who, address)) === mac || undefined;
  });
}

/** Empties the table of neighbours in a container's network or the host's. */
export async function forgetNeighbours(site: Site, who: string): Promise<void> {
  const command = ['ip', 'neigh', 'flush', 'all'];
  const done = who === 'host' ? await site.host.run(command) : await site.host.inNetworkOf(who, command);
  if (done.code !== 0) throw new Error(`${who} keeps its neighbours: ${done.stderr}`);
}

/** Lets an interface change its mind about a neighbour at once, instead of a second after it has last done so. */
export async function believeAtOnce(site: Site, who: string, iface: string): Promise<void> {
  const command = ['/run/labtool', 'sysctl', `net.ipv4.neigh.${iface}.locktime=0`];
  const done = who === 'host' ? await site.host.run(command) : await site.host.inNetworkOf(who, command);
  if (done.code !== 0) throw new Error(`no locktime for ${who}: ${done.stderr}`);
}
