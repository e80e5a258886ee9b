import type { Check } from '../finding.ts';
import { shellWord } from '../words.ts';

export const flushedAtReload: Check = {
  code: 'flushed-at-reload',
  severity: 'warning',
  title: 'A service of the host takes away the rules of everybody',
  why: 'At its start, reload or stop the tables of Sluice and of Docker go with its own. The daemon puts ours back, and what it holds with nftables lets nothing pass meanwhile where the kernel keeps its last line (Linux 5.12); without a daemon all is open until the next apply. Docker’s own come back when the engine starts anew.',
  evidence: 'a unit that a target wants, whose commands, or the file they load, say `flush ruleset`',
  find: ({ flushers }) =>
    (flushers ?? []).map(({ service, enabledBy, flushes }) => ({
      seen: [`${service} is enabled: ${enabledBy}`, ...flushes],
      mend: {
        say: 'Let its file flush its own tables alone (`table inet filter` and `flush table inet filter` in place of `flush ruleset`), let its stop do nothing of the kind, or disable it.',
        lines: [{ kind: 'run', text: `systemctl disable ${shellWord(service)}` }],
      },
    })),
};
