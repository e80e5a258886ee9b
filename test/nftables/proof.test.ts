import { describe, expect, test } from 'vitest';
import { interpret } from '../../src/nftables/interpret.ts';
import { defaultMarks } from '../../src/nftables/marks.ts';
import type { ArpHeader, IpHeader, PacketView } from '../../src/nftables/packet.ts';
import { renderRuleset } from '../../src/nftables/render.ts';
import { bridge, building, dockerBridge, endpoint, program, rulesetOf } from './rulesets.ts';
import { arp, icmp, ip, mac, tcp, udp, view } from './views.ts';

/** Two neighbours of one project, a container on docker0 beside `docker build`. */
const [one, two, known] = [endpoint(2, 'app'), endpoint(3, 'app'), endpoint(5, 'app', dockerBridge)];
const ruleset = rulesetOf({
  bridges: [...rulesetOf().bridges, building],
  endpoints: [one, two, known],
  programs: [program('app'), program('build', { standing: 'build' })],
});
const tables = renderRuleset(ruleset);
const now = Date.UTC(2026, 5, 1);

/** What a container's frame meets at the bridge: passed with the proof, passed without it, or dropped and counted. */
function arrives(frame: IpHeader | ArpHeader, from = one, changes: Partial<PacketView> = {}): string {
  const link = view(frame).link as NonNullable<PacketView['link']>;
  const seen = view(frame, { in: from.port, link: { ...link, saddr: mac(from.mac) }, ...changes });
  const found = interpret(tables, { family: 'bridge', hook: 'prerouting' }, seen, now);
  if (found.verdict === 'drop') return found.counters.join();
  return (found.packet.mark & defaultMarks.proven) === 0 ? 'passed' : 'proven';
}

const link6 = 'fe80::42:acff:fe20:2';

test('what the host sends to a known port is for who is behind it, or for all', () => {
  const sent = (frame: IpHeader | ArpHeader, out: PacketView['out']) =>
    interpret(tables, { family: 'bridge', hook: 'output' }, view(frame, { in: null, out }), now);
  const verdict = (frame: IpHeader | ArpHeader, out: PacketView['out'] = one.port) => {
    const found = sent(frame, out);
    return found.verdict === 'drop' ? found.counters.join() : 'passed';
  };
  expect(verdict(udp('192.0.2.1', '172.20.0.2', 4000))).toBe('passed');
  expect(verdict(udp('2001:db8::1', 'fd00:20::2', 4000))).toBe('passed');
  expect(verdict(icmp('fe80::1', link6, 135, link6))).toBe('passed');
  expect(verdict(icmp('fe80::1', 'ff02::1', 134))).toBe('passed');
  expect(verdict(arp(1, two.mac, '172.20.0.1'))).toBe('passed');
  expect(verdict(udp('192.0.2.1', '172.20.0.3', 4000))).toBe('astray');
  expect(verdict(udp('2001:db8::1', 'fd00:20::3', 4000))).toBe('astray');
  expect(verdict(udp('192.0.2.1', '172.20.0.3', 4000), { index: 99, name: 'veth99' })).toBe('passed');
});

describe('the proof of a sender, at its own port', () => {
  test('its addresses of both families with its MAC are proven', () => {
    expect(arrives(tcp('172.20.0.2', '192.0.2.1', 80))).toBe('proven');
    expect(arrives(udp('fd00:20::2', '2001:db8::1', 53))).toBe('proven');
    expect(arrives(icmp(link6, 'ff02::2', 133))).toBe('proven');
  });

  test.each([
    ["a neighbour's address", tcp('172.20.0.3', '192.0.2.1', 80), {}],
    ["a neighbour's IPv6 address", tcp('fd00:20::3', '2001:db8::1', 80), {}],
    ['an address that nobody has', tcp('172.20.0.77', '192.0.2.1', 80), {}],
    ["the gateway's address", tcp('172.20.0.1', '192.0.2.1', 80), {}],
    [
      "its own address with a neighbour's MAC",
      tcp('172.20.0.2', '192.0.2.1', 80),
      { link: { saddr: mac(two.mac), type: 0x0800 } },
    ],
    [
      "a neighbour's address and MAC",
      tcp('172.20.0.3', '192.0.2.1', 80),
      { link: { saddr: mac(two.mac), type: 0x0800 } },
    ],
    ['no address at all', tcp('0.0.0.0', '192.0.2.1', 80), {}],
    ['no IPv6 address at all', udp('::', 'ff02::1', 5353), {}],
  ])('%s is spoofed', (_, frame, changes) => {
    expect(arrives(frame, one, changes)).toBe('spoofed');
  });

  test('an ARP for itself passes, one for somebody else is spoofed, whichever MAC it tells', () => {
    expect(arrives(arp(1, one.mac, '172.20.0.2'))).toBe('passed');
    expect(arrives(arp(2, one.mac, '172.20.0.2'))).toBe('passed');
    expect(arrives(arp(1, one.mac, '0.0.0.0'))).toBe('passed');
    expect(arrives(arp(2, one.mac, '172.20.0.3'))).toBe('spoofed');
    expect(arrives(arp(2, two.mac, '172.20.0.2'))).toBe('spoofed');
    expect(arrives(arp(2, one.mac, '172.20.0.1'))).toBe('spoofed');
    expect(arrives(arp(3, one.mac, '172.20.0.2'))).toBe('spoofed');
    expect(arrives({ ...arp(2, one.mac, '172.20.0.2'), ptype: 0x86dd })).toBe('spoofed');
  });

  test('a neighbour advertisement speaks of its own addresses only', () => {
    expect(arrives(icmp('fd00:20::2', 'ff02::1', 136, 'fd00:20::2'))).toBe('proven');
    expect(arrives(icmp('fd00:20::2', 'ff02::1', 136, link6))).toBe('proven');
    expect(arrives(icmp('fd00:20::2', 'ff02::1', 136, 'fd00:20::3'))).toBe('spoofed');
    expect(arrives(icmp('fd00:20::2', 'ff02::1', 136, 'fd00:20::1'))).toBe('spoofed');
  });

  test('who asks for listeners is no container; who answers may', () => {
    const igmp = (to: string, type: number) => ip('172.20.0.2', to, 2, { kind: 'icmp', type });
    expect(arrives(icmp(link6, 'ff02::1', 130))).toBe('spoofed');
    expect(arrives(icmp(link6, 'ff02::16', 143))).toBe('proven');
    expect(arrives(igmp('224.0.0.1', 0x11))).toBe('spoofed');
    expect(arrives(igmp('239.1.2.3', 0x11))).toBe('spoofed');
    expect(arrives(igmp('239.1.2.3', 0x16))).toBe('proven');
    expect(arrives(igmp('224.0.0.22', 0x22))).toBe('proven');
  });

  test('IGMP is in no fragments, of which the bridge would take any for a whole', () => {
    const igmp = (fragOff: number) => ({ ...ip('172.20.0.2', '239.1.2.3', 2, { kind: 'none' }), fragOff });
    expect([0x2000, 0x2001, 1, 0x4001].map((fragOff) => arrives(igmp(fragOff)))).toEqual(Array(4).fill('spoofed'));
    expect([0, 0x4000].map((fragOff) => arrives(igmp(fragOff)))).toEqual(Array(2).fill('proven'));
  });

  test('IPv4 has options only where it goes to a group: by them a packet would name the way it goes', () => {
    const optioned = (packet: IpHeader) => ({ ...packet, headerLength: 6 });
    expect(arrives(optioned(udp('172.20.0.2', '192.0.2.1', 53)))).toBe('spoofed');
    expect(arrives(optioned(udp('172.20.0.2', '172.20.0.1', 53)))).toBe('spoofed');
    expect(arrives(optioned(ip('172.20.0.2', '224.0.0.22', 2, { kind: 'icmp', type: 0x22 })))).toBe('proven');
    expect(arrives({ ...udp('172.20.0.2', '192.0.2.1', 53), headerLength: 5 })).toBe('proven');
  });

  test('IPv6 has no routing header, of whatever type', () => {
    for (const routingType of [0, 2, 4, 255])
      expect(arrives({ ...udp('fd00:20::2', '2001:db8::1', 53), routingType })).toBe('spoofed');
  });

  test('a fragment that goes on with another header passes no more, one that goes on with its packet does', () => {
    const fragment = (next: number) => ({
      ...ip('fd00:20::2', '2001:db8::1', 58, { kind: 'none' }),
      fragment: { next },
    });
    expect([0, 43, 44, 51, 60].map((next) => arrives(fragment(next)))).toEqual(Array(5).fill('spoofed'));
    expect([6, 17, 58].map((next) => arrives(fragment(next)))).toEqual(Array(3).fill('proven'));
  });

  test('router advertisements and redirects never pass', () => {
    expect(arrives(icmp(link6, 'ff02::1', 134))).toBe('spoofed');
    expect(arrives(icmp(link6, 'fd00:20::3', 137))).toBe('spoofed');
  });

  test('a frame with a VLAN tag is spoofed, whatever it holds: a priority tag would hide an advertisement', () => {
    for (const type of [0x8100, 0x88a8]) {
      const changes = { link: { saddr: mac(one.mac), type } };
      expect(arrives(icmp('fd00:20::2', 'ff02::1', 136, 'fd00:20::3'), one, changes)).toBe('spoofed');
      expect(arrives(icmp(link6, 'ff02::1', 134), one, changes)).toBe('spoofed');
      expect(arrives(tcp('172.20.0.2', '192.0.2.1', 80), one, changes)).toBe('spoofed');
      expect(arrives(arp(2, one.mac, '172.20.0.3'), one, changes)).toBe('spoofed');
    }
  });

  test('before it has an address: duplicate address detection of its own, MLD, and no DHCP', () => {
    expect(arrives(udp('0.0.0.0', '255.255.255.255', 67, 68))).toBe('spoofed');
    expect(arrives(icmp('::', 'ff02::1:ff00:2', 135, 'fd00:20::2'))).toBe('proven');
    expect(arrives(icmp('::', 'ff02::1:ff00:3', 135, 'fd00:20::3'))).toBe('spoofed');
    expect(arrives(icmp('::', 'ff02::16', 143))).toBe('proven');
    const foreign = { link: { saddr: mac(two.mac), type: 0x86dd } };
    expect(arrives(icmp('::', 'ff02::16', 143), one, foreign)).toBe('spoofed');
  });

  test('frames of ports that are nobody known pass without a proof', () => {
    const link = { saddr: mac('02:42:ac:14:00:99'), type: 0x0800 };
    const changes = { in: { index: 99, name: 'veth99' }, link };
    expect(arrives(tcp('172.20.0.2', '192.0.2.1', 80), one, changes)).toBe('passed');
  });

  test('frames under a tag that the host takes off do not pass from a container that nobody knows', () => {
    const other = '02:42:ac:14:00:99';
    const tagged = (type: number, vlan: number, kind: string) => ({
      in: { index: 99, name: 'veth99', kind },
      link: { saddr: mac(other), type, vlan },
    });
    const lie = arp(2, other, '172.20.0.77');
    expect(arrives(lie, one, tagged(0x8100, 0, 'veth'))).toBe('spoofed');
    expect(arrives(lie, one, tagged(0x88a8, 0, 'veth'))).toBe('spoofed');
    expect(arrives(lie, one, tagged(0x8100, 5, 'veth'))).toBe('passed');
    expect(arrives(lie, one, tagged(0x8100, 0, 'tun'))).toBe('passed');
  });

  test('frames of ports that are nobody known, by the MAC or for an address of somebody who is, do not', () => {
    const there = { in: { index: 99, name: 'veth99', kind: 'veth' } };
    expect(arrives(tcp('172.20.9.9', '192.0.2.1', 80), one, there)).toBe('spoofed');
    const other = '02:42:ac:14:00:99';
    expect(arrives(arp(2, other, '172.20.0.3'), one, { ...there, link: { saddr: mac(other), type: 0x0806 } })).toBe(
      'spoofed',
    );
    const advert = icmp(link6, 'ff02::1', 136, 'fd00:20::3');
    expect(arrives(advert, one, { ...there, link: { saddr: mac(other), type: 0x86dd } })).toBe('spoofed');
  });

  test('a card of the host, on a bridge of its own, brings frames of whoever has the same MAC or address in the LAN', () => {
    const there = { in: { index: 99, name: 'eth0' } };
    expect(arrives(tcp('172.20.9.9', '192.0.2.1', 80), one, there)).toBe('passed');
    expect(arrives(arp(2, one.mac, '172.20.0.2'), one, there)).toBe('passed');
    expect(arrives(icmp(link6, 'ff02::1', 136, 'fd00:20::3'), one, there)).toBe('passed');
  });
});

describe('what arrives in inet from an enrolled bridge', () => {
  const enters = (packet: IpHeader, on: { name: string; index: number }, mark: number) => {
    const seen = view(packet, { in: on, mark, ct: { kind: 'none', state: 'untracked' } });
    const found = interpret(tables, { family: 'inet', hook: 'prerouting' }, seen, now);
    return { verdict: found.verdict, counters: found.counters, mark: found.packet.mark };
  };

  test('passes when proven, and other bits of its mark stay as they were', () => {
    const proven = enters(tcp('172.20.0.2', '192.0.2.1', 80), bridge, defaultMarks.proven | 0x2000);
    expect(proven).toEqual({ verdict: 'accept', counters: [], mark: 0x2000 });
  });

  test('is dropped when not proven, whatever else the mark says', () => {
    const packet = tcp('172.20.0.2', '192.0.2.1', 80);
    expect(enters(packet, bridge, 0)).toMatchObject({ verdict: 'drop', counters: ['unproven'] });
    expect(enters(packet, bridge, 0x4fff_ffff)).toMatchObject({ verdict: 'drop' });
    expect(enters(tcp('fd00:20::2', '2001:db8::1', 80), bridge, 0)).toMatchObject({ verdict: 'drop' });
  });

  test('goes on unproven where builds are judged, unless it claims the address of a known container', () => {
    expect(enters(tcp('172.17.0.77', '192.0.2.1', 80), dockerBridge, 0).verdict).toBe('accept');
    expect(enters(tcp('172.17.0.5', '192.0.2.1', 80), dockerBridge, 0).verdict).toBe('drop');
    expect(enters(tcp('fd00:17::5', '2001:db8::1', 80), dockerBridge, 0).verdict).toBe('drop');
  });

  test('from interfaces that are not ours is left alone', () => {
    expect(enters(tcp('192.168.0.9', '192.168.0.1', 80), { name: 'eth0', index: 2 }, 0).verdict).toBe('accept');
  });
});

describe('between neighbours', () => {
  const bridged = (mark: number, changes: Partial<PacketView> = {}) => {
    const seen = view(tcp('172.20.0.2', '172.20.0.3', 80), { in: one.port, out: two.port, mark, ...changes });
    const found = interpret(tables, { family: 'bridge', hook: 'forward' }, seen, now);
    return found.verdict === 'drop' ? found.counters.join() : 'accept';
  };

  test('what inet has judged passes, what it has not is dropped: without br_netfilter nothing does', () => {
    expect(bridged(0)).toBe('accept');
    expect(bridged(defaultMarks.proven)).toBe('unjudged');
    const packet = ip('172.20.0.2', '172.20.0.3', 47, { kind: 'none' });
    expect(bridged(defaultMarks.proven, { network: packet })).toBe('unjudged');
  });

  test('ARP passes, it was proven before', () => {
    expect(bridged(0, { network: arp(1, one.mac, '172.20.0.2'), link: { saddr: mac(one.mac), type: 0x0806 } })).toBe(
      'accept',
    );
  });

  test('a port that nobody knows reaches no known one, but on bridges where builds are judged', () => {
    const stranger = { index: 99, name: 'veth99' };
    expect(bridged(0, { in: stranger })).toBe('spoofed');
    expect(bridged(0, { in: stranger, out: known.port })).toBe('accept');
  });
});
