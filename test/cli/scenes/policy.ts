import { applied, articleHost, articlePolicy, broken, changed, looser, named } from '../hosts.ts';
import type { Scenes } from './scene.ts';

/** `sluice check`, `test` and `render`. */
export const policy: Scenes = {
  'check-good': { args: ['check'] },
  'check-errors': { args: ['check'], host: () => articleHost(broken) },
  'check-errors-after-apply': { args: ['check'], host: () => changed(articlePolicy, broken) },
  'check-failing-test': { args: ['check'], host: () => articleHost(articlePolicy.replace('internet]', 'private]')) },
  'render-nft': { args: ['render', '--as', 'nft'] },
  'render-no-form': { args: ['render'] },
  'render-unknown-form': { args: ['render', '--as', 'ufw'] },
  'render-two-files': { args: ['render', '--as', 'iptables-restore'] },
  'render-to-a-folder': { args: ['render', '--as', 'systemd-dropin', '--output', '/etc/systemd/system'] },
  'render-reverse': { args: ['render', '--as', 'iptables-script', '--reverse'] },
  'render-errors': { args: ['render', '--as', 'nft'], host: () => articleHost(broken) },
  'render-nothing-known': {
    args: ['render', '--as', 'nft'],
    host: () => articleHost('version: 1\nprojects: { gone: { allow: none } }\n'),
  },
  test: { args: ['test'] },
  'test-failing': { args: ['test'], host: () => articleHost(articlePolicy.replace('internet]', 'private]')) },
  'test-none': { args: ['test'], host: () => articleHost(named('')) },
  'test-live': { args: ['test', '--live'], host: () => applied() },
  'test-live-not-applied': { args: ['test', '--live'] },
  'test-live-changed-since': { args: ['test', '--live'], host: () => changed(articlePolicy, looser) },
  'test-live-differs': {
    args: ['test', '--live'],
    host: async () => {
      const host = await applied();
      host.kernel.flaw = ({ port }) =>
        ({ 22: 'accepted' as const, 3128: 'not-seen' as const, 53: 'not-judged' as const })[port];
      return host;
    },
  },
};
