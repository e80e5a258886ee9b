import type { WritableFile } from '../facts.ts';
import type { Check, MendLine } from '../finding.ts';
import { shellWord } from '../words.ts';

export const writablePolicy: Check = {
  code: 'writable-policy',
  severity: 'critical',
  title: 'Others than root may write the policy',
  why: 'Whoever writes the policy decides what containers may send.',
  evidence:
    'owner and permission bits of the policy, of policy.d and of the compose files it lists, and of their folders',
  find: ({ writable }) =>
    writable === null || writable.length === 0
      ? []
      : [
          {
            seen: writable.map(
              ({ path, kind, uid, gid, mode }) =>
                `${path}: ${kind} of user ${uid}, group ${gid}, mode ${mode.toString(8).padStart(4, '0')}`,
            ),
            mend: { say: "Make them root's, and take writing away from others.", lines: writable.flatMap(mendOf) },
          },
        ],
};

function mendOf({ path, uid, gid, mode }: WritableFile): readonly MendLine[] {
  const word = shellWord(path);
  const owner: MendLine = { kind: 'run', text: `chown root:root -- ${word}` };
  const others: MendLine = { kind: 'run', text: `chmod go-w -- ${word}` };
  return [...(uid !== 0 || gid !== 0 ? [owner] : []), ...((mode & 0o022) === 0 ? [] : [others])];
}
