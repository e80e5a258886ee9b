import type { Check, Mend } from '../finding.ts';

const inItsWay: Readonly<Record<string, { readonly seen: string; readonly mend: Mend }>> = {
  'not-with-iptables': {
    seen: 'the rules are held with iptables, which has none',
    mend: {
      say: 'End the daemon, which leaves its rules, and have another take over with nftables.',
      lines: [{ kind: 'run', text: 'sluice run --backend nftables' }],
    },
  },
  unsupported: {
    seen: 'the kernel knows no tables that a process owns',
    mend: { say: 'Run Linux 5.12 or newer.', lines: [] },
  },
  taken: {
    seen: "there is a table inet sluice-last that is not the daemon's",
    mend: {
      say: 'Take that table away, and have the daemon make its own.',
      lines: [
        { kind: 'run', text: 'nft delete table inet sluice-last' },
        { kind: 'run', text: 'sluice apply' },
      ],
    },
  },
  failed: {
    seen: "the kernel refused it; the daemon's log says why",
    mend: { say: 'Look into its log.', lines: [{ kind: 'run', text: 'journalctl -u sluice' }] },
  },
};

export const noLastLine: Check = {
  code: 'no-last-line',
  severity: 'note',
  title: 'The daemon has no last line',
  why: 'Whoever takes away all rules, as a reload of nftables.service does, opens what is held until the daemon has put it back.',
  evidence: 'the daemon says that its table inet sluice-last does not stand',
  find: ({ ours }) => {
    const found = inItsWay[ours?.daemon?.lastLine ?? ''];
    return found === undefined ? [] : [{ seen: [found.seen], mend: found.mend }];
  },
};
