import { decodeWorld, isWorldProblem } from '../world/json.ts';
import type { World } from '../world/world.ts';
import type { Context } from './context.ts';
import { CliError } from './error.ts';
import { readInput } from './input.ts';
import type { Ports } from './ports.ts';

/** Bytes. */
const limit = 256 * 1024 * 1024;

/** The world a command judges: a saved one where a file is named, else the live host's. */
export async function worldFor({ settings, ports, screen }: Context, file: string | undefined): Promise<World> {
  if (file !== undefined) return savedWorld(ports, file);
  screen.progress('asking the engine …');
  return liveWorld(ports, settings.host);
}

/** Asks the engine and the kernel. @param address of the engine's socket; undefined: where it usually is */
export async function liveWorld(ports: Ports, address: string | undefined): Promise<World> {
  return (await ports.engine(address)).readWorld();
}

async function savedWorld(ports: Ports, file: string): Promise<World> {
  const text = await readInput(ports, file, limit);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new CliError('unable', `${file} is not JSON`, 'print a world with: sluice world > world.json', error);
  }
  const world = decodeWorld(value);
  if (isWorldProblem(world))
    throw new CliError(
      'unable',
      `${file} is not a world: ${world.path === '' ? '' : `${world.path}: `}${world.message}`,
      'print one with: sluice world > world.json',
    );
  return world;
}
