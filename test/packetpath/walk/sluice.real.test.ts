import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { article } from '../../../lab/article.ts';
import { type Engine, engines } from '../../../lab/roots.ts';
import { openSite, type Site } from '../../../lab/site.ts';
import { hostAddress, places } from '../../../lab/world.ts';
import { type BackendName, backendNames } from '../../../src/enforce/backend.ts';
import { full } from '../../campaign/campaign.ts';
import { holdWith } from '../../packets/backends.ts';
import { type Attempt, addressOf, applyPolicy, describeAttempt, expectControl } from '../../packets/support.ts';

/**
 * `explain --path` on a host where Sluice holds its rules, against the packets themselves: the same flows, asked for and sent. `SLUICE_CAMPAIGN=full` asks on every engine.
 */
const policy = `version: 1
projects:
  app:
    allow: none
    services:
      app: { allow: ["internet:443", "service/mongo:27017", "host:9999/udp"] }
`;

interface Answer {
  readonly verdict: string;
  readonly outcomes: readonly {
    readonly program: string | null;
    readonly decidedBy: { readonly kind: string; readonly chain?: string };
    readonly conditions: readonly { readonly text: string }[];
  }[];
  readonly live: { readonly kernel: string; readonly agrees: boolean | null; readonly compared: string | null } | null;
}

async function explained(site: Site, { from, to, port, proto = 'tcp' }: Attempt, ...more: string[]): Promise<Answer> {
  const host = to.includes(':') ? `[${to}]` : to;
  const text = proto === 'icmp' ? `${to}/icmp` : `${host}:${port}/${proto}`;
  const done = await site.host.sluice('explain', '--path', '--json', ...more, from, text);
  if (done.stdout === '') throw new Error(`${from} -> ${text}: ${done.stderr}`);
  return JSON.parse(done.stdout) as Answer;
}

/**
 * What --live compares: legacy tables are not traced, and Docker's rules, which let pass what is not for the host, are of nf_tables
 * beside each backend. In INPUT iptables has no rule that lets pass, and only perhaps a policy that is traced.
 */
function traceTells(backend: BackendName, verdict: string, { to }: Attempt): RegExp {
  if (verdict !== 'accepted') return backend === 'iptables-legacy' ? /^hook$/ : /^rule$/;
  return to === hostAddress.v4 && backend !== 'nftables' ? /^(policy|hook)$/ : /^rule$/;
}

const variants = backendNames.filter((name) => name !== 'nftables');
const asked: readonly Engine[] = full ? engines : ['28.5'];

describe.each(asked)('on engine %s', { timeout: 300_000 }, (engine) => {
  let site: Site;
  let attempts: readonly Attempt[];
  beforeAll(async () => {
    site = await openSite({ engine });
    await site.host.compose('app', article({ ipv6: true }), 'up', '-d');
    const from = 'app/app';
    const [mongo, mongo6] = [await addressOf(site, 'app/mongo'), await addressOf(site, 'app/mongo', 6)];
    const elasticsearch = await addressOf(site, 'app/elasticsearch');
    attempts = [
      { from, to: places.internet.v4, port: 443 },
      { from, to: places.internet.v6, port: 443 },
      { from, to: places.internet.v4, port: 80 },
      { from, to: places.internet.v4, proto: 'icmp' },
      { from, to: places.private.v4, port: 22 },
      { from, to: places.private.v6, port: 514, proto: 'udp' },
      { from, to: hostAddress.v4, port: 22 },
      { from, to: hostAddress.v4, port: 9999, proto: 'udp' },
      { from, to: mongo, port: 27017 },
      { from, to: mongo6, port: 27017 },
      { from, to: mongo, port: 27018 },
      { from, to: elasticsearch, port: 9200, proto: 'udp' },
      { from: 'app/mongo', to: places.internet.v4, port: 443 },
    ];
    await expectControl(site, attempts);
  });
  afterAll(() => site?.stop());

  test.each(backendNames)('with %s what it says of each flow is what becomes of it', async (backend: BackendName) => {
    holdWith(site, backend);
    site.host.write('/etc/sluice/policy.yaml', policy);
    const done = await site.host.sluice('apply', '--backend', backend);
    expect(done.code, done.stderr).toBe(0);
    const probes = await site.host.probeMany(attempts);
    const said: string[] = [];
    const seen: string[] = [];
    for (const [index, attempt] of attempts.entries()) {
      const { verdict, outcomes } = await explained(site, attempt);
      const programs = [...new Set(outcomes.map(({ program }) => program))].join();
      const fate = { accepted: 'arrives', dropped: 'stopped', rejected: 'stopped', depends: 'depends' }[verdict];
      said.push(`${describeAttempt(attempt)}: ${fate}, by ${programs}`);
      seen.push(`${describeAttempt(attempt)}: ${probes[index]?.arrived ? 'arrives' : 'stopped'}, by ${attempt.from}`);
    }
    expect(said).toEqual(seen);
    expect(seen.filter((text) => text.includes(': arrives')).length).toBe(5);
    expect(seen.filter((text) => text.includes(': stopped')).length).toBe(8);

    // the published port, from the LAN
    const published: Attempt = { from: places.lanClient.v4, to: hostAddress.v4, port: 3000 };
    const answered = await site.lanClient.probe(published);
    const inbound = await explained(site, published);
    expect([answered.outcome, inbound.verdict]).toEqual(['answered', 'accepted']);

    // and by the kernel's own trace: to others by both families, the host and a neighbour
    for (const attempt of (full ? [0, 1, 4, 5, 6, 7, 8, 9, 10] : [0, 1, 4, 5, 8]).map(
      (index) => attempts[index] as Attempt,
    )) {
      const { verdict, live } = await explained(site, attempt, '--live');
      expect({
        flow: describeAttempt(attempt),
        kernel: live?.kernel,
        agrees: live?.agrees,
        compared: live?.compared,
      }).toEqual({
        flow: describeAttempt(attempt),
        kernel: verdict === 'accepted' ? 'passed' : 'stopped',
        agrees: true,
        compared: expect.stringMatching(traceTells(backend, verdict, attempt)),
      });
    }
  });

  test.each(full ? variants : variants.slice(-1))(
    'by the listings of %s alone it is certain with the sets, and says what it hangs on without',
    async (backend) => {
      holdWith(site, backend);
      await applyPolicy(site, policy);
      const variant = backend === 'iptables-nft' ? 'nft' : 'legacy';
      const rules = [await site.host.must([`iptables-${variant}-save`]), await site.host.must(['ebtables-nft-save'])];
      const sets = await site.host.must(['ipset', 'save']);
      site.host.write('/tmp/world.json', (await site.host.sluice('world')).stdout);
      const flows = [attempts[0], attempts[4], attempts[10]] as readonly Attempt[];
      const verdicts = async (listing: string) => {
        site.host.write('/tmp/rules.txt', listing);
        const answers: Answer[] = [];
        for (const flow of flows)
          answers.push(await explained(site, flow, '--listing', '/tmp/rules.txt', '--world', '/tmp/world.json'));
        return answers;
      };
      const whole = await verdicts([...rules, sets].join('\n'));
      expect(whole.map(({ verdict }) => verdict)).toEqual(['accepted', 'rejected', 'rejected']);
      const bare = await verdicts(rules.join('\n'));
      expect(bare.map(({ verdict }) => verdict)).toEqual(['depends', 'depends', 'depends']);
      for (const { outcomes } of bare)
        expect(outcomes.flatMap(({ conditions }) => conditions.map(({ text }) => text)).join('\n')).toContain(
          'in set sluice-bridges4.',
        );
    },
  );
});
