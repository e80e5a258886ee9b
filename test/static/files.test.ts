import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makePlan } from '../../src/static/make-plan.ts';
import { renderPlan, reverseOf } from '../../src/static/render.ts';
import { forms } from '../../src/static/rendering.ts';
import { now as goldenTime, readCase, topics } from '../golden/cases.ts';
import { unitCommands } from '../packets/systemd-lines.ts';
import { articlePlan } from './article.ts';

/** `UPDATE_GOLDEN=1 npm run test:unit` writes the files anew; read the difference before committing it. */
const isUpdate = process.env['UPDATE_GOLDEN'] === '1';

function expectFile(path: string, text: string): void {
  const file = join(import.meta.dirname, 'files', path);
  if (isUpdate) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  expect(existsSync(file), `${path} is missing: UPDATE_GOLDEN=1 writes it`).toBe(true);
  expect(text).toBe(readFileSync(file, 'utf8'));
}

test.each(forms)("the article's policy as %s is exactly these files", (form) => {
  const { files } = renderPlan(articlePlan(), form);
  for (const { name, text } of [...files, reverseOf(form)]) expectFile(join('article', form, name), text);
});

test.each(['04-groups', '06-ipv6', '08-published-ports', '11-until', '13-hostile-names', '14-multi-homed'])(
  'golden case %s as nft and as iptables-script is exactly these files',
  (topic) => {
    const { policy, world } = readCase(topic);
    const plan = makePlan(policy, world, [], goldenTime);
    for (const form of ['nft', 'iptables-script'] as const)
      for (const { name, text } of renderPlan(plan, form).files) expectFile(join(topic, name), text);
  },
);

describe.each(topics)('golden case %s', (topic) => {
  const { policy, world } = readCase(topic);
  const plan = makePlan(policy, world, [], goldenTime);

  test('no line of any form has a character that its reader could obey', () => {
    for (const form of forms) {
      const { files } = renderPlan(plan, form);
      for (const { text } of [...files, reverseOf(form)]) {
        expect(text).toMatch(/^[\t\n\x20-\x7e]*$/);
        expect(text).not.toMatch(/^#.*[\\`]/m);
        for (const [, comment = ''] of text.matchAll(/comment "([^"\n]*)"/g))
          expect(comment).toMatch(/^[A-Za-z0-9 _.,:/@+*()[\]=-]*$/);
      }
    }
  });

  test('systemd reads each line of the drop-in as one command, whose words are those of iptables', () => {
    const { files } = renderPlan(plan, 'systemd-dropin');
    const commands = ['ExecStartPre', 'ExecStartPost'].flatMap((key) => unitCommands(files[0].text, key));
    for (const { words } of commands) {
      expect(words[0]).toMatch(/^\/sbin\/ip6?tables$/);
      const [comment] = words.flatMap((word, at) => (words[at - 1] === '--comment' ? [word] : []));
      expect((comment ?? '').length).toBeLessThanOrEqual(200);
    }
    const lines = files[0].text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(lines).toHaveLength(commands.length + 1); // [Service]
  });
});
