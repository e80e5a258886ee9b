/** What the state directory holds: believed when it is whole, and then it can be used; else it is set aside. */
import { prefixOf } from '../../../src/ip/prefix.ts';
import { readPolicy } from '../../../src/policy/read.ts';
import { compile } from '../../../src/ruleset/compile.ts';
import { appliedPart } from '../../../src/state/applied-state.ts';
import { hostPart } from '../../../src/state/host-state.ts';
import { type Part, readPart } from '../../../src/state/part.ts';
import { noPolicy, policyPart, putInForce } from '../../../src/state/policy-state.ts';
import { currentFormat, decodeRecord, encodeRecord, sha256 } from '../../../src/state/record.ts';
import { repairsPart, withRepair } from '../../../src/state/repairs-state.ts';
import { currentRules } from '../../../src/state/rules-state.ts';
import { buildWorld } from '../../generate/build.ts';
import { wholeFile } from '../../policy/whole-file.ts';
import { town } from '../../ruleset/support.ts';
import { mutateJson } from '../mutate-json.ts';
import type { Reader, Target } from '../target.ts';

const now = Date.UTC(2026, 10, 25);
const texts = [{ path: '/etc/sluice/policy.yaml', text: wholeFile, role: 'policy', writableByOthers: false }] as const;
const { policy } = readPolicy(texts, { now });
if (policy === null) throw new Error('the whole file is bad');
const { ruleset } = compile(policy, buildWorld(town), now);
const inForce = putInForce(noPolicy, texts, {
  now,
  before: 'nothing',
  pending: { digest: 'd', until: now, token: 't' },
});

/** A file as the disk has it. */
function fileOf<T>(part: Part<T>, value: T): Buffer {
  return Buffer.from(part.file === undefined ? encodeRecord(part.encode(value)) : part.file.encode(value));
}

/** A part of the state, from a file with these bytes: nothing is thrown, and what was written can be used. */
function reader<T>(part: Part<T>, values: readonly T[], make?: Reader['make']): Reader {
  const corpus = values.map((value) => fileOf(part, value));
  const bodyOf = (file: Buffer): string | null => {
    const record = (part.file?.decode ?? decodeRecord)(file.toString());
    return record.kind === 'good' ? record.body : null;
  };
  const written = new Set(corpus.map(bodyOf));
  return {
    corpus: () => corpus,
    words: ['{"format":2,', '"sha256":', '\n', `"format":${currentFormat + 1}`, 'null', '$set', '__proto__'],
    ...(make === undefined ? {} : { make }),
    read: async (input) => {
      const found = await readPart('/state', part, {
        read: async () => ({ text: input.toString() }),
        list: async () => null,
        replace: async () => {},
        rename: async () => {},
        remove: async () => false,
      });
      if (found.kind !== 'good') return 'refused';
      // another body has a checksum of its own, and only root can have put it there
      if (!written.has(bodyOf(input))) return 'accepted';
      // what is believed is written again with the next change
      const again = part.decode(part.encode(found.value), currentFormat);
      if (part.encode(again) !== part.encode(found.value))
        throw new Error('it is not what it was once it is written again');
      return 'accepted';
    },
  };
}

/** A body changed by somebody who knows how to make the checksum. */
const sign: Reader['make'] = (random, corpus) => {
  const record = decodeRecord((random.pick(corpus) ?? Buffer.alloc(0)).toString());
  if (record.kind !== 'good') return Buffer.alloc(0);
  const lines = record.body.split('\n').filter((line) => line !== '');
  const at = random.between(0, lines.length - 1);
  const body = lines
    .map((line, index) => (index === at ? JSON.stringify(mutateJson(random, JSON.parse(line))) : line))
    .join('\n');
  const format = random.pick([1, 2, 2, 2] as const);
  return Buffer.from(`${JSON.stringify({ format, sha256: sha256(`${body}\n`) })}\n${body}\n`);
};

const network = {
  project: 'app',
  name: 'app_default',
  id: 'a'.repeat(64),
  containers: ['b'.repeat(64)],
  subnets: [prefixOf('172.20.0.0/16'), prefixOf('fd00:20::/64')],
};
const repair = { at: now, took: 3, by: { process: 7, name: 'nft' }, tables: ['inet sluice'] };

export const target: Target = {
  readers: {
    policy: reader(policyPart, [noPolicy, inForce], sign),
    applied: reader(
      appliedPart,
      [{ at: now, engine: '28.5.2', boot: '1f0e-2', ruleset: { ...ruleset, groups: ruleset.groups.slice(0, 3) } }],
      sign,
    ),
    host: reader(
      hostPart,
      [{ switched: new Map([['docker0', { ip: false, ip6: true, learnsLinkLocal: true }]]), networks: [network] }],
      sign,
    ),
    rules: reader(currentRules, [{ boot: '1f0e-2', text: 'table inet sluice {\n}\n' }]),
    repairs: reader(repairsPart, [withRepair([repair], repair)], sign),
  },
};
