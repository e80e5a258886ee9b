import type { CommandSpec } from '../spec.ts';
import { worldOption } from './options.ts';

export const ps: CommandSpec = {
  name: 'ps',
  summary: 'containers, how each is held, and what it may reach',
  description:
    'Lists containers with project, service, addresses, mode and what they may reach under the policy as it is ' +
    'written now, and those that cannot be held, with the reason.',
  args: [],
  options: [{ form: '--all', text: 'containers that do not run as well' }, worldOption],
  examples: [
    { line: 'sluice ps', text: 'all running containers' },
    { line: 'sluice ps --json', text: 'for scripts' },
  ],
  exits: { no: 'The policy has errors, or a container that it enforces cannot be held.' },
  load: async () => (await import('../commands/ps.ts')).ps,
};

export const networks: CommandSpec = {
  name: 'networks',
  summary: "the engine's networks: what their drivers mean, who is on them, what is held",
  description:
    "Lists the engine's networks with driver, subnets and bridge, who is on them, what a driver means for what leaves " +
    'there, and which of it is held: by the policy, where there is one. With NAME one of them in full: gateway, ' +
    'settings that matter, each container with its addresses, published ports and mode.',
  args: [{ form: '[name]', text: 'a network, by its name or the beginning of its id' }],
  options: [worldOption],
  examples: [
    { line: 'sluice networks', text: 'all of them' },
    { line: 'sluice networks app_default', text: 'one in full' },
  ],
  exits: { unable: 'There is no such network, or the engine does not answer.' },
  load: async () => (await import('../commands/networks.ts')).networks,
};

export const world: CommandSpec = {
  name: 'world',
  summary: 'the engine and the host as Sluice sees them, as JSON',
  description:
    'Prints networks, containers, addresses and interfaces: all that compiling a policy needs. `explain --world` and ' +
    '`ps --world` read it, on this machine or another. Labels are in it: look before you share it.',
  args: [],
  options: [],
  examples: [{ line: 'sluice world > world.json', text: 'save it' }],
  exits: {},
  load: async () => (await import('../commands/world.ts')).world,
};
