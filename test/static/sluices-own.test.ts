import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mainChain } from '../../src/iptables/names.ts';
import { renderPlan, reverseOf } from '../../src/static/render.ts';
import { articlePlan } from './article.ts';

/** A host whose iptables only writes down what it is asked, and has Sluice's chain in mangle where it is told so. */
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'static-'));
  mkdirSync(join(folder, 'bin'));
  const script = `#!/bin/sh
case "$*" in
  *"-t mangle -n -L ${mainChain}") test -e '${folder}/sluice'; exit ;;
  *-D*) echo "$@" >>'${folder}/asked'; exit 1 ;;
esac
echo "$@" >>'${folder}/asked'
`;
  for (const name of ['iptables', 'ip6tables', 'iptables-restore', 'ip6tables-restore'])
    writeFileSync(join(folder, 'bin', name), script, { mode: 0o755 });
});
afterEach(() => rmSync(folder, { recursive: true }));

const isSluices = () => writeFileSync(join(folder, 'sluice'), '');

function run(text: string, ...args: readonly string[]): { readonly code: number | null; readonly said: string } {
  const input = text.replaceAll('/sbin/ip', `${folder}/bin/ip`);
  const done = spawnSync('sh', ['-s', ...args], { input, env: { PATH: `${folder}/bin:${process.env['PATH']}` } });
  return { code: done.status, said: done.stderr.toString() };
}

const asked = () => (existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8') : '');

const script = renderPlan(articlePlan(), 'iptables-script').files[0].text;
const [dropin] = renderPlan(articlePlan(), 'systemd-dropin').files;
const pasted = dropin.text
  .slice(dropin.text.indexOf('# To take it away, as root in a shell:'))
  .split('\n')
  .slice(1)
  .map((line) => line.replace(/^#/, ''))
  .join('\n');

const reverses = [
  { how: 'the file for it', text: reverseOf('systemd-dropin').text, args: [] },
  { how: 'the lines at the end of the drop-in', text: pasted, args: [] },
  { how: 'the script', text: script, args: ['remove'] },
];

describe.each(reverses)('taking static rules away by $how', ({ text, args }) => {
  test('empties the chains of both tables', () => {
    expect(run(text, ...args).code).toBe(0);
    expect(asked()).toContain('-w -t security -F DOCKER-OUTBOUND-FILTER');
    expect(asked()).toContain('-w -t filter -F DOCKER-OUTBOUND-HOST');
  });

  test('touches nothing where Sluice itself holds the host by iptables, and says so', () => {
    isSluices();
    const { code, said } = run(text, ...args);
    expect(code).toBe(0);
    expect(asked()).toBe('');
    expect(said).toContain("'sluice down'");
  });
});

describe('putting static rules in force by the script', () => {
  test('makes them where Sluice is not', () => {
    expect(run(script).code).toBe(0);
    expect(asked()).toContain('-I FORWARD 1 -j DOCKER-OUTBOUND-FILTER');
  });

  test("is refused where Sluice's chains would be replaced, and nothing is changed", () => {
    isSluices();
    const { code, said } = run(script);
    expect(code).not.toBe(0);
    expect(asked()).toBe('');
    expect(said).toContain("'sluice down'");
  });
});
