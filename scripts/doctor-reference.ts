/**
 * Writes docs/doctor.md from the checks of `sluice doctor`: `node scripts/doctor-reference.ts`. A test fails while the
 * page is not what this would write.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checks } from '../src/doctor/checks.ts';
import { severities } from '../src/doctor/finding.ts';

export const doctorPage = join(import.meta.dirname, '../docs/doctor.md');

export function doctorReference(): string {
  return `${[
    '# sluice doctor',
    '',
    '<!-- written by scripts/doctor-reference.ts: change src/doctor/checks and run npm run docs -->',
    '',
    '`sudo sluice doctor` looks at the host, its rules, the engine and the containers, and says what weakens enforcement,',
    'worst first: what was seen, why it matters, and the command or compose line that mends it. It changes nothing. It says',
    'only what is certain; what it could not look at it names, and then nothing is said of it. Codes stay as they are.',
    '',
    '- **critical**: something is not held that is thought to be held, or who has it can undo what holds it. Exit code 1.',
    "- **warning**: a way round enforcement, or round Docker's own rules, is open. Exit code 9.",
    '- **note**: good to know; it weakens only together with something else. Exit code 0, as when nothing is found.',
    '',
    'Where something could not be looked at and nothing critical was found, the exit code is 3.',
    ...severities.flatMap((severity) => [
      '',
      `## ${severity}`,
      ...checks
        .filter((check) => check.severity === severity)
        .flatMap(({ code, title, why, evidence }) => [
          '',
          `### ${code}`,
          '',
          `${title}. ${why}`,
          '',
          `Seen by: ${evidence}.`,
        ]),
    ]),
    '',
    '## What is made for real',
    '',
    'A test makes each finding on a real host with a real engine, many with the packet that shows it, but for two that the kernel',
    'of the lab cannot have: `network-volume`, since a container with a volume of NFS or the like starts only where the kernel has',
    "that file system (the lab's is built without CONFIG_NETWORK_FILESYSTEMS), and `flowtable`, since it takes none (without",
    'CONFIG_NF_FLOW_TABLE). Of these two is tested only what the checks make of listings and settings.',
    '',
    '## What is not looked for',
    '',
    '- `nf_conntrack_tcp_loose`: it is on everywhere, and what it lets in is judged by our rules as a request would be',
    '  ([packet path](packet-path.md)).',
    '- Bridges that nobody has met, and builds on docker0, while `defaults` leave them open: policy says so, and',
    '  [the threat model](threat-model.md) what that means.',
    '- `ip_forward` and `rp_filter`: the engine needs the first, and who a sender is our rules tell by its port of the bridge.',
    '- Programs of XDP, tc and BPF on the host, security profiles, devices: what one does, or whether it matters, cannot be',
    '  told from outside.',
    '- Shared volumes and sockets between containers: that two may speak by them says nothing of whether they do.',
    '- What an image is, by its name.',
  ].join('\n')}\n`;
}

if (import.meta.main) writeFileSync(doctorPage, doctorReference());
