import { expect, test } from 'vitest';
import type { Address } from '../../src/ip/address.ts';
import { setIncludes } from '../../src/ip/address-set.ts';
import { protocolNumbers } from '../../src/ip/protocol.ts';
import type { XState } from '../../src/iptables/model.ts';
import { renderXtables } from '../../src/iptables/render.ts';
import { lastSecond } from '../../src/iptables/translate.ts';
import { interpret } from '../../src/nftables/interpret.ts';
import { defaultMarks } from '../../src/nftables/marks.ts';
import type { Conversation, PacketView, Transport } from '../../src/nftables/packet.ts';
import type { EndpointIdentity, Ruleset } from '../../src/ruleset/ruleset.ts';
import { sourceTowards } from '../agreement/aimed.ts';
import { uplink } from '../agreement/path.ts';
import { generated, golden, instants, type Scenario } from '../agreement/subjects.ts';
import { facts } from './facts.ts';
import { walkX } from './walk.ts';

/**
 * The same packets, walked through the neutral rules and through what iptables has of them: forwarded and to the host, of
 * new, known, answering, doubtful and turned conversations. `SLUICE_CAMPAIGN=full` asks for ten times as many.
 */
const seed = Number(process.env['SLUICE_SEED'] ?? 20_261_125);
const size = process.env['SLUICE_CAMPAIGN'] === 'full' ? 400 : 40;

interface Count {
  asked: number;
  dropped: number;
  readonly disagreements: string[];
}

function compare(scenarios: readonly Scenario[]): Count {
  const count: Count = { asked: 0, dropped: 0, disagreements: [] };
  for (const scenario of scenarios) {
    const state = renderXtables(scenario.ruleset, facts);
    for (const now of instants(scenario).filter((instant) => instant < 1000 * lastSecond))
      for (const packet of scenario.packets) {
        const source = sourceTowards(packet.from, packet.to);
        if (source === undefined) continue;
        for (const view of viewsOf(scenario.ruleset, packet.from, source, packet))
          ask(scenario, state, view, now, count);
      }
  }
  return count;
}

function ask({ name, tables }: Scenario, state: XState, view: PacketView, now: number, count: Count): void {
  const hook = view.out === null ? 'input' : 'forward';
  const neutral = interpret(tables, { family: 'inet', hook }, view, now);
  const ours = walkX(state, hook === 'input' ? 'INPUT' : 'FORWARD', view, now);
  const ctMark = neutral.packet.ct.kind === 'entry' ? neutral.packet.ct.mark : 0;
  const [a, b] = [
    { verdict: neutral.verdict, reject: neutral.reject, counters: neutral.counters, ctMark },
    { verdict: ours.verdict, reject: ours.reject, counters: ours.counters, ctMark: ours.ctMark },
  ].map((one) => JSON.stringify(one));
  count.asked++;
  if (neutral.verdict === 'drop') count.dropped++;
  if (a !== b)
    count.disagreements.push(
      `${name} ${hook} ${JSON.stringify(view, (_, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))}: ${a}, iptables: ${b}`,
    );
  // what goes on carries nothing of ours
  if (ours.verdict === 'accept' && ours.mark !== 0)
    count.disagreements.push(`${name}: mark ${ours.mark.toString(16)} is left`);
}

type Meant = { readonly to: Address; readonly protocol: number; readonly port: number };

function viewsOf(ruleset: Ruleset, from: EndpointIdentity, source: Address, meant: Meant): readonly PacketView[] {
  const { to, protocol, port } = meant;
  const member = ruleset.groups
    .flatMap(({ members }) => members)
    .find(({ address }) => address.family === to.family && address.value === to.value);
  const isHost = setIncludes(ruleset.hostAddresses, to);
  const entry = (more: Partial<Conversation & { kind: 'entry' }>): Conversation => ({
    kind: 'entry',
    state: 'established',
    direction: 'original',
    mark: 0,
    dnat: false,
    original: { family: to.family, daddr: to.value, dport: port },
    ...more,
  });
  const host = ruleset.hostAddresses[to.family === 4 ? 'v4' : 'v6'][0];
  const published = { dnat: true, original: { family: to.family, daddr: host?.low ?? 1n, dport: 3000 } };
  const conversations: readonly Conversation[] = [
    entry({ state: 'new' }),
    entry({}),
    entry({ state: 'related' }),
    entry({ state: 'related', mark: defaultMarks.doubtful }),
    entry({ state: 'related', mark: defaultMarks.forbidden }),
    entry({ direction: 'reply' }),
    entry({ direction: 'reply', mark: defaultMarks.doubtful }),
    entry({ direction: 'reply', mark: defaultMarks.forbidden }),
    entry({ ...published, state: 'new' }),
    entry({ ...published, state: 'related' }),
    entry({ ...published, state: 'related', direction: 'reply' }),
    entry({ ...published, direction: 'reply', mark: defaultMarks.doubtful }),
    entry({ state: 'new', dnat: true, original: { family: to.family, daddr: 1n, dport: port } }),
    { kind: 'none', state: 'invalid' },
    { kind: 'none', state: 'untracked' },
  ];
  return conversations.flatMap((ct) =>
    transportsOf(protocol, port).map(
      (transport): PacketView => ({
        in: from.bridge,
        out: isHost ? null : (member?.bridge ?? uplink),
        mark: 0,
        link: null,
        network: {
          kind: 'ip',
          family: to.family,
          saddr: source.value,
          daddr: to.value,
          hopLimit: 64,
          protocol,
          transport,
        },
        ct,
      }),
    ),
  );
}

function transportsOf(protocol: number, dport: number): readonly Transport[] {
  const { tcp, udp, sctp, icmp, icmpv6 } = protocolNumbers;
  if (protocol === tcp)
    return [0x02, 0x10].map((tcpFlags): Transport => ({ kind: 'ports', sport: 40_000, dport, tcpFlags }));
  if (protocol === udp || protocol === sctp) return [{ kind: 'ports', sport: 40_000, dport }];
  if (protocol === icmp) return [8, 3].map((type): Transport => ({ kind: 'icmp', type }));
  return protocol === icmpv6 ? [128, 2].map((type): Transport => ({ kind: 'icmp', type })) : [{ kind: 'none' }];
}

test('in the golden folders both say the same of every packet', () => {
  const { asked, dropped, disagreements } = compare(golden(20));
  expect(disagreements.slice(0, 5)).toEqual([]);
  expect([asked > 3_000, dropped > 500]).toEqual([true, true]);
});

test(`of generated policies and worlds, too (seed ${seed})`, () => {
  const { asked, dropped, disagreements } = compare(generated(seed, size, 6));
  expect(disagreements.slice(0, 5)).toEqual([]);
  expect([asked > 3_000, dropped > 500, asked - dropped > 500]).toEqual([true, true, true]);
});
