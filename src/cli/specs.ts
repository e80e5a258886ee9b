import type { CommandSpec, OptionSpec } from './spec.ts';
import { down, run, status } from './specs/daemon.ts';
import { chains, doctor, explain } from './specs/diagnosis.ts';
import { apply, confirm, plan, rollback } from './specs/in-force.ts';
import { completion, version } from './specs/itself.ts';
import { check, render, test } from './specs/policy.ts';
import { networks, ps, world } from './specs/world.ts';

/** Options that every command takes, before or after its name. */
export const globalOptions: readonly OptionSpec[] = [
  {
    form: '--config <path>',
    text: 'the policy file; policy.d/*.yaml beside it belongs to it',
    env: 'SLUICE_CONFIG',
    default: '/etc/sluice/policy.yaml',
    completes: 'file',
  },
  {
    form: '--state <dir>',
    text: 'where what was applied is remembered',
    env: 'SLUICE_STATE',
    default: '/var/lib/sluice',
    completes: 'directory',
  },
  {
    form: '--socket <path>',
    text: 'control socket of the daemon',
    env: 'SLUICE_SOCKET',
    default: '/run/sluice/sluice.sock',
    completes: 'file',
  },
  {
    form: '--host <address>',
    text: 'the Docker engine, as unix:///PATH: one on this machine; left out, it is found as the docker client finds it',
    env: 'SLUICE_HOST',
  },
  { form: '--json', text: 'print the result as JSON, everything the text says' },
  { form: '--no-color', text: 'no colours (as does NO_COLOR in the environment)' },
  { form: '--debug', text: 'show where an error came from' },
];

/** All commands, in the order of `sluice --help`; specs/ has each beside those it is like. */
export const commandSpecs: readonly CommandSpec[] = [
  check,
  run,
  status,
  plan,
  apply,
  confirm,
  rollback,
  ps,
  networks,
  doctor,
  explain,
  chains,
  world,
  render,
  test,
  down,
  completion,
  version,
];
