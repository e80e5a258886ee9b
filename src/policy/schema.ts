import * as z from 'zod'; // by its `z`, bundles would have its messages in fifty languages
import { modes } from './blocks.ts';
import { defaultWords, knownVersions } from './policy-file.ts';
import { protocolWords } from './ports.ts';

/**
 * The structure of a policy file as zod schemas: for editors (JSON Schema) and for the reference. The reader walks the
 * YAML nodes itself, since it has a place and a better word for each error; a test proves that both accept and refuse
 * the same structures.
 */
export function policySchema() {
  const entry = entries();
  const block = {
    mode: z
      .enum(modes)
      .describe(
        'What becomes of denied packets: stopped (enforce, when left out), let pass and counted (audit), or let pass, but for what guardrails deny (off).',
      )
      .optional(),
    allow: entry.allow
      .describe('What it may reach: "none", "any" or a list. The most specific level that has one counts.')
      .optional(),
    deny: z
      .array(entry.plain)
      .min(1)
      .describe('What it may never reach. Lists of all levels add up; a deny beats an allow.')
      .optional(),
  };
  const service = z.strictObject(block).describe('A service of a Compose project.');
  const project = z.strictObject({
    ...block,
    services: z.record(z.string(), service).describe('Services by name; "*" allowed.').optional(),
  });
  const container = z.strictObject(block).describe('A container outside Compose.');
  const test = z
    .strictObject({
      from: entry.selector,
      allow: z.array(entry.plain).min(1).describe('What has to be allowed.').optional(),
      deny: z.array(entry.plain).min(1).describe('What has to be denied.').optional(),
    })
    .refine(({ allow, deny }) => allow !== undefined || deny !== undefined)
    .meta({ anyOf: [{ required: ['allow'] }, { required: ['deny'] }] })
    .describe('What one workload must and must not reach.');
  return z
    .strictObject({
      version: z.literal(Number(knownVersions[0])).describe('The version of the language. Every file says it.'),
      defaults: defaults().optional(),
      groups: z
        .record(z.string(), z.array(entry.plain).min(1))
        .describe('Names for destinations; groups may use other groups.')
        .optional(),
      guardrails: z
        .strictObject({
          deny: z.array(entry.plain).min(1).describe('Denied for every container, in every mode.').optional(),
          except: z.array(entry.exception).min(1).describe('Who is spared, and for what.').optional(),
        })
        .describe("The operator's last word: wins over everything, also in audit.")
        .optional(),
      projects: z.record(z.string(), project).describe('Compose projects by name; "*" allowed.').optional(),
      containers: z
        .record(z.string(), container)
        .describe('Containers outside Compose by name; "*" allowed.')
        .optional(),
      compose: z
        .array(z.string().min(1))
        .min(1)
        .describe('Compose files whose x-sluice blocks this host trusts.')
        .optional(),
      tests: z
        .array(test)
        .min(1)
        .describe('Run at every load but the daemon’s start; a failing test rejects the file.')
        .optional(),
    })
    .describe('A Sluice policy file, or a file of policy.d.');
}

function defaults() {
  const described = {
    unmanaged: 'Containers that nothing names; where they are denied, every Docker bridge is enrolled.',
    denied: 'What the sender of a denied packet gets: an answer (reject) or silence (drop).',
    labels:
      'Labels and x-sluice of containers that the file does not name: they are the policy (trusted), the container is unmanaged (narrow), or they are never read (ignore).',
    'unknown-bridge': 'Bridges of any kind that appear while the daemon is away.',
    build:
      '`docker build`, which runs outside any container we know, on docker0: with allow whoever nobody knows there sends what guardrails leave.',
  } as const;
  const word = <K extends keyof typeof defaultWords>(key: K) =>
    z.enum(defaultWords[key]).describe(`${described[key]} ${defaultWords[key][0]} when left out.`).optional();
  return z
    .strictObject({
      unmanaged: word('unmanaged'),
      denied: word('denied'),
      labels: word('labels'),
      'unknown-bridge': word('unknown-bridge'),
      build: word('build'),
    })
    .describe('What holds where nothing else is said.');
}

function entries() {
  const short = z
    .string()
    .min(1)
    .describe(
      'WHO[:PORTS][/PROTO]: "192.168.100.1", "10.0.0.0/8:443", "api.example.com:443", "service/db", "internet/icmp".',
    )
    .meta({ examples: ['internet:443', '192.168.100.2:53/udp', 'service/db', 'same-project', 'dns'] });
  const long = {
    to: z
      .union([short, z.array(z.string().min(1)).min(1)])
      .describe('WHO, or a list of them: an address, a prefix, a DNS name, a workload, a group.'),
    ports: z
      .array(z.union([z.string().min(1), z.int().min(1).max(65535)]))
      .min(1)
      .describe('Ports, each "443", "8000-8100" or "53/udp"; tcp when nothing else is said.')
      .optional(),
    protocol: z
      .union([z.enum(Object.keys(protocolWords) as (keyof typeof protocolWords)[]), z.int().min(0).max(255)])
      .describe('A protocol by name, or by its IP protocol number.')
      .optional(),
    reason: z.string().describe('Why, for the people who read it later.').optional(),
  };
  const until = z.iso.date().describe('The last day it counts, UTC.').optional();
  const selector = z.string().min(1).describe('A workload: PROJECT/SERVICE or container/NAME; "*" allowed.');
  const plain = z.union([short, z.strictObject(long)]);
  return {
    selector,
    plain,
    allow: z.union([z.enum(['none', 'any']), z.array(z.union([short, z.strictObject({ ...long, until })])).min(1)]),
    exception: z
      .strictObject({
        from: z
          .union([selector, z.array(selector).min(1)])
          .describe('A workload, or a list of them: PROJECT/SERVICE or container/NAME; "*" allowed.'),
        ...long,
        until,
      })
      .describe('A workload that a guardrail spares for one destination.'),
  };
}

/** The JSON Schema (draft 2020-12) that editors complete and check policy files by. */
export function policyJsonSchema(): object {
  return z.toJSONSchema(policySchema(), { target: 'draft-2020-12', io: 'input' });
}
