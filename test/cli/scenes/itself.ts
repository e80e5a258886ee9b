import { CliError } from '../../../src/cli/error.ts';
import { commandSpecs } from '../../../src/cli/specs.ts';
import { FakeHost } from '../fakes.ts';
import { articleHost, articleWorld, noEngine, notRoot, worldOf } from '../hosts.ts';
import type { Scenes } from './scene.ts';

/** `sluice version`, help, and what every command may say. */
export const itself: Scenes = {
  version: { args: ['version'] },
  'version-verbose': { args: ['version', '--verbose'] },
  'version-without-engine': {
    args: ['version', '--verbose'],
    host: () => Object.assign(articleHost(), { engineError: new CliError('unable', 'there is no engine') }),
  },
  help: { args: [] },
  ...Object.fromEntries(commandSpecs.map(({ name }) => [`help-${name}`, { args: [name, '--help'] }])),
  'error-no-policy': { args: ['check'], host: () => new FakeHost(worldOf(articleWorld)) },
  'error-no-engine': {
    args: ['ps'],
    host: () => Object.assign(articleHost(), { engineError: noEngine }),
  },
  'error-not-root': { args: ['apply'], host: notRoot },
  'error-unknown-command': { args: ['chekc'] },
  'error-unknown-option': { args: ['ps', '--al'] },
  'error-missing-argument': { args: ['explain', 'app/app'] },
  'error-remote-engine': { args: ['ps', '--host', 'tcp://10.0.0.1:2375'] },
  'error-a-bug': {
    args: ['ps'],
    host: () => Object.assign(articleHost(), { engineError: new TypeError('x is not a function') }),
  },
};
