import type { Status } from '../../../src/control/protocol.ts';
import { fakeDaemon } from '../daemon.ts';
import { applied, articlePolicy, bounded, broken, changed, looser, watched } from '../hosts.ts';
import type { Scenes } from './scene.ts';

/** `sluice run`, `status` and `down`. */
export const daemon: Scenes = {
  status: { args: ['status'], host: () => watched() },
  'status-120-columns': { args: ['status'], host: () => watched(), columns: 120 },
  'status-degraded': {
    args: ['status'],
    host: async () => {
      const host = await watched(broken);
      const facts: Partial<Status> = {
        state: 'degraded',
        filesDiffer: true,
        troubles: [
          {
            code: 'policy-bad',
            message: [
              '/etc/sluice/policy.yaml:6:10  SL1301  an empty list says nothing; leave the key out',
              '/etc/sluice/policy.yaml:10:27  SL1204  unknown group "http-proxi"; did you mean "http-proxy"?',
            ].join('\n'),
            fix: 'mend it (sluice check shows where), then sluice apply; the last good policy stays in force',
            since: host.now - 60_000,
          },
          {
            code: 'engine-gone',
            message: 'the engine does not answer',
            fix: 'systemctl status docker',
            since: host.now,
          },
        ],
        unheld: [
          {
            workload: 'container/node-exporter',
            container: 'node-exporter',
            reason: 'it is on the host network',
            fix: 'give it a network of its own',
            cutOff: false,
          },
        ],
        refused: [{ workload: 'app/app', message: 'sluice.allow asks for "any", which the file does not allow' }],
      };
      host.daemon = fakeDaemon(host, facts);
      return host;
    },
  },
  'status-cut-off': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const unheld = [
        {
          workload: 'app/app',
          container: 'app-app-1',
          reason: 'its port is not known, so everything it sends there is dropped',
          fix: 'restart the container',
          cutOff: true,
        },
      ];
      host.daemon = fakeDaemon(host, { unheld });
      return host;
    },
  },
  'status-can-undo': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const undoing = { code: 'net-admin', message: 'has NET_ADMIN: it can put itself past every hook' };
      const canUndo = [1, 2].map((at) => ({ workload: 'app/app', container: `app-app-${at}`, ...undoing }));
      host.daemon = fakeDaemon(host, { canUndo, lastLine: 'taken' });
      return host;
    },
  },
  'status-narrower': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const message =
        'with iptables 4093 programs have a number, and here are 4100: who is judged by one of the other 7 is denied everything';
      host.daemon = fakeDaemon(host, {
        backend: 'iptables-nft',
        lastLine: 'not-with-iptables',
        narrower: [{ code: 'programs', message }],
      });
      return host;
    },
  },
  'status-narrower-alone': {
    args: ['status'],
    host: async () => {
      const host = bounded();
      await host.sluice(['apply', '--backend', 'iptables-legacy']);
      return host;
    },
  },
  'status-repairs': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const repair = (at: number) => ({
        at: host.now - at * 3_600_000,
        took: 12.4,
        by: { process: 4711, name: 'nft' },
        tables: ['inet sluice', 'bridge sluice'],
      });
      host.daemon = fakeDaemon(host, { repairs: [1, 2, 3, 30, 40, 50, 60].map(repair) });
      return host;
    },
  },
  'status-denying': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      const trouble = {
        code: 'denying-all',
        message: 'no policy can be read, so nothing leaves a Docker bridge',
        fix: 'write a good policy: sluice check',
        since: host.now,
      } as const;
      host.daemon = fakeDaemon(host, { state: 'degraded', policy: null, troubles: [trouble], workloads: [] });
      return host;
    },
  },
  'status-pending': {
    args: ['status'],
    host: async () => {
      const host = await watched();
      host.daemon = fakeDaemon(host, { pending: { digest: 'd', until: host.now + 47_000 } });
      return host;
    },
  },
  'status-without-daemon': { args: ['status'], host: () => applied() },
  'status-overdue': {
    args: ['status'],
    host: async () => {
      const host = await changed(articlePolicy, looser);
      await host.sluice(['apply', '--confirm', '60s']);
      host.now += 600_000;
      return host;
    },
  },
  'status-nothing': { args: ['status'] },
  'down-with-daemon': {
    args: ['down'],
    host: async () => {
      const host = await watched();
      host.daemon = fakeDaemon(host);
      return host;
    },
  },
  run: { args: ['run'] },
  down: { args: ['down'], host: () => applied() },
  'down-nothing': { args: ['down'] },
};
