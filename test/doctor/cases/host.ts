import { factsOf, rulesOf } from '../facts.ts';
import type { Chapter } from './chapter.ts';

const flusher = {
  service: 'nftables.service',
  enabledBy: '/etc/systemd/system/sysinit.target.wants/nftables.service',
  flushes: ['/etc/nftables.conf:3: flush ruleset'],
};

/** What the host does to conversations and rules. */
export const host: Chapter = {
  found: [
    [
      'a nearly full table',
      'conntrack-full',
      factsOf({}, { conntrack: { count: 900, max: 1000, liberal: false } }),
      '900 of 1000 conversations',
      'sysctl -w net.netfilter.nf_conntrack_max=2000',
    ],
    [
      'a liberal kernel',
      'conntrack-liberal',
      factsOf({}, { conntrack: { count: 1, max: 1000, liberal: true } }),
      /be_liberal = 1/,
      'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=0',
    ],
    [
      'a service that flushes',
      'flushed-at-reload',
      factsOf({}, { flushers: [flusher] }),
      '/etc/nftables.conf:3: flush ruleset',
      'systemctl disable nftables.service',
    ],
    [
      'firewalld by iptables',
      'firewalld-empties',
      factsOf({}, { rules: rulesOf('purpose/firewalls/firewalld-iptables.iptables-save') }),
      /^filter: \d+ chains, such as \w+$/m,
      '/etc/firewalld/firewalld.conf: FirewallBackend=nftables',
    ],
  ],
  quiet: [['a table with room', factsOf({}, { conntrack: { count: 899, max: 1000, liberal: false } })]],
};
