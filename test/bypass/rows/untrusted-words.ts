import { places } from '../../../lab/world.ts';
import type { Attempt } from '../../packets/support.ts';
import { proxyOnly } from '../ground.ts';
import type { Prepare, Row } from '../row.ts';
import { runBeside } from '../run-in.ts';
import { byProbes } from '../sightings.ts';

const out = (from: string): readonly Attempt[] =>
  [places.internet, places.private].flatMap(({ v4, v6 }): readonly Attempt[] => [
    { from, to: v4, port: 443 },
    { from, to: v6, port: 443 },
    { from, to: v4, port: 514, proto: 'udp' },
  ]);

/** Containers on the project's network with labels of their own choosing. */
const labelled =
  (containers: Readonly<Record<string, Readonly<Record<string, string>>>>): Prepare =>
  async ({ site }) => {
    for (const [name, labels] of Object.entries(containers)) {
      const args = Object.entries({ 'com.docker.compose.project': 'app', ...labels });
      const given = args.flatMap(([key, value]) => ['--label', `${key}=${value}`]);
      await runBeside(site, name, ['--network', 'app_default', ...given]);
    }
    return () => site.host.docker('rm', '-f', ...Object.keys(containers));
  };

export const grantsItself: Row = {
  number: 52,
  title: 'a label or compose file that grants itself more',
  tries:
    'Whoever writes a compose file writes sluice.allow=any, mode off, or an allow list wider than the policy file has.',
  is: {
    state: 'closed',
    prepare: labelled({
      greedy: { 'com.docker.compose.service': 'greedy', 'sluice.allow': 'any' },
      lax: { 'com.docker.compose.service': 'lax', 'sluice.mode': 'off' },
      wide: { 'com.docker.compose.service': 'wide', 'sluice.allow': 'internet private' },
    }),
    attempt: ({ site }) => byProbes(site, ['greedy', 'lax', 'wide'].flatMap(out)),
  },
};

export const namesAsRules: Row = {
  number: 53,
  title: 'names that are rules, commands or escapes',
  tries:
    'A service called as nft or iptables would write a rule that lets it out, or with line ends and terminal escapes.',
  is: {
    state: 'closed',
    prepare: labelled({
      asnft: { 'com.docker.compose.service': 'x" accept; }\n}\ntable inet evil { chain c { accept; } }\n#' },
      asiptables: { 'com.docker.compose.service': 'x\n-I FORWARD 1 -j ACCEPT\nCOMMIT\n' },
      asescape: {
        'com.docker.compose.service': '\u001b[2J\u001b]0;$(nft flush ruleset)\u0007`reboot`',
        'sluice.note\u001b[2J': 'x',
      },
    }),
    attempt: ({ site }) => byProbes(site, ['asnft', 'asiptables', 'asescape'].flatMap(out)),
  },
};

const aboutApp = (words: string) => `version: 1\nprojects:\n  app: ${words}\n`;

export const misspelled: Row = {
  number: 64,
  title: 'a policy that says nothing by mistake',
  tries:
    'A key that is misspelled or an empty list, which elsewhere mean "no rule", and so everything. Both are errors, as is a project without any list, and change nothing of what is in force; `allow: none` denies.',
  is: {
    state: 'refused',
    refusals: [
      { policy: aboutApp('{ alow: [internet] }'), says: /unknown key "alow"/ },
      { policy: 'version: 1\nproject:\n  app: { allow: none }\n', says: /unknown key "project"/ },
      { policy: aboutApp('{ allow: [] }'), says: /an empty list says nothing/ },
      { policy: aboutApp('{ allow: }'), says: /allow has no value/ },
      { policy: aboutApp('{}'), says: /no level gives its services an allow list/ },
      { policy: aboutApp('{ allow: [internett] }'), says: /unknown group "internett"/ },
      { policy: aboutApp('{ allow: none, mode: enforced }'), says: /not "enforced"/ },
    ],
    under: [
      proxyOnly,
      {
        policy: `${aboutApp('{ allow: none }')}  shop: { allow: [internet] }\n`,
        allowed: [{ from: 'shop/web', to: places.internet.v4, port: 443 }],
      },
    ],
    attempt: ({ site }) => byProbes(site, out('app/app')),
  },
};
