import type { Check } from '../finding.ts';

export const conntrackLiberal: Check = {
  code: 'conntrack-liberal',
  severity: 'note',
  title: 'The kernel takes TCP packets outside their window for part of a conversation',
  why: 'A packet that is made up needs to guess ports alone to pass as a reply.',
  evidence: 'net.netfilter.nf_conntrack_tcp_be_liberal is not 0 (the kernel itself has 0)',
  find: ({ conntrack }) =>
    conntrack?.liberal === true
      ? [
          {
            seen: ['net.netfilter.nf_conntrack_tcp_be_liberal = 1'],
            mend: {
              say: 'Set it back, and take it out of /etc/sysctl.d.',
              lines: [{ kind: 'run', text: 'sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=0' }],
            },
          },
        ]
      : [],
};
