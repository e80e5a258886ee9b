import type { TimerOrder } from '../../../src/cli/confirm/order.ts';
import { serveTimer } from '../../../src/cli/confirm/timer.ts';
import { fakeDaemon } from '../daemon.ts';
import type { FakeHost } from '../fakes.ts';
import {
  applied,
  articleHost,
  articlePolicy,
  articleWorld,
  bounded,
  broken,
  changed,
  labelled,
  looser,
  mightyWorld,
  named,
  otherDefaults,
  ssh,
  watched,
  withoutPort,
  worldOf,
} from '../hosts.ts';
import type { Scenes } from './scene.ts';

/** A change that nobody confirmed. */
const wentBack = async (): Promise<FakeHost> => {
  const host = await changed(articlePolicy, looser);
  await host.sluice(['apply', '--confirm', '60s']);
  await serveTimer(host.orders[0] as TimerOrder, host.ports(), () => {});
  return host;
};

/** `sluice plan`, `apply`, `confirm` and `rollback`. */
export const inForce: Scenes = {
  'apply-first': { args: ['apply'] },
  'apply-again': { args: ['apply'], host: () => applied() },
  'apply-errors': { args: ['apply'], host: () => changed(articlePolicy, broken) },
  'apply-tighter': {
    args: ['apply'],
    host: async () => {
      const host = await changed(looser, articlePolicy);
      host.kernel.flows = [ssh];
      return host;
    },
  },
  'apply-looser-dry-run': { args: ['apply', '--dry-run'], host: () => changed(articlePolicy, looser) },
  'apply-one-is-gone': {
    args: ['apply'],
    host: async () => {
      const host = await applied();
      const containers = articleWorld.containers?.filter(({ name }) => name !== 'app-mongo-1' && name !== 'portainer');
      host.world = worldOf({ ...articleWorld, containers: containers ?? [] });
      return host;
    },
  },
  'apply-mode': {
    args: ['apply'],
    host: () => changed(articlePolicy, articlePolicy.replace('mode: enforce', 'mode: audit')),
  },
  'apply-not-enforceable': {
    args: ['apply'],
    host: () => articleHost(named('containers:\n  node-exporter: { allow: ["10.0.0.5:9100"] }\n')),
  },
  'apply-broken-state': {
    args: ['apply'],
    host: async () => {
      const host = await applied();
      host.files.write('/var/lib/sluice/applied.json', '{}\n{}\n');
      return host;
    },
  },
  'apply-refused-labels': { args: ['apply'], host: () => labelled() },
  'apply-can-undo': { args: ['apply'], host: () => Object.assign(articleHost(), { world: mightyWorld }) },
  'plan-can-undo': { args: ['plan'], host: () => Object.assign(articleHost(), { world: mightyWorld }) },
  'apply-narrower': { args: ['apply', '--backend', 'iptables-legacy'], host: () => bounded() },
  'plan-narrower': {
    args: ['plan'],
    host: () => {
      const host = bounded();
      host.kernel.backend = 'iptables-legacy';
      return host;
    },
  },
  'apply-cut-off': {
    args: ['apply'],
    host: async () => Object.assign(await changed(articlePolicy, looser), { world: withoutPort() }),
  },
  'apply-confirm': { args: ['apply', '--confirm', '60s'], host: () => changed(articlePolicy, looser) },
  'apply-confirm-first': { args: ['apply', '--confirm', '5m'] },
  'apply-confirm-nothing-new': { args: ['apply', '--confirm', '60s'], host: () => applied() },
  'apply-through-daemon': { args: ['apply'], host: () => watched(looser) },
  'apply-daemon-refuses': {
    args: ['apply'],
    host: async () => {
      const host = await watched(looser);
      host.daemon = {
        ...fakeDaemon(host),
        apply: async () => ({ ok: false, code: 'kernel-refused', message: 'nft refused: no memory' }),
      };
      return host;
    },
  },
  plan: {
    args: ['plan'],
    host: async () => {
      const host = await changed(looser, articlePolicy);
      host.kernel.flows = [
        { ...ssh, since: host.now - 7_500_000 },
        { ...ssh, container: 'app-mongo-1' },
      ];
      return host;
    },
  },
  'plan-defaults': {
    args: ['plan'],
    host: () => changed(articlePolicy, otherDefaults),
  },
  'plan-nothing': { args: ['plan'], host: () => applied() },
  'plan-not-root': {
    args: ['plan'],
    host: async () => {
      const host = await changed(looser, articlePolicy);
      host.user = { uid: 1000, gid: 1000 };
      host.kernel.blind = true;
      return host;
    },
  },
  'plan-errors': { args: ['plan'], host: () => changed(articlePolicy, broken) },
  'plan-not-enforceable': {
    args: ['plan'],
    host: () => articleHost(named('containers:\n  node-exporter: { allow: ["10.0.0.5:9100"] }\n')),
  },
  confirm: {
    args: ['confirm'],
    host: async () => {
      const host = await changed(articlePolicy, looser);
      await host.sluice(['apply', '--confirm', '60s']);
      return host;
    },
  },
  'confirm-nothing': { args: ['confirm'], host: () => applied() },
  'confirm-too-late': { args: ['confirm'], host: wentBack },
  rollback: {
    args: ['rollback'],
    host: async () => {
      const host = await changed(articlePolicy, looser);
      await host.sluice(['apply']);
      return host;
    },
  },
  'rollback-to-nothing': { args: ['rollback'], host: () => applied() },
  'rollback-nothing-before': { args: ['rollback'] },
};
