import { encodeWorld } from '../../world/json.ts';
import type { Context } from '../context.ts';
import type { Exit } from '../exit.ts';
import { safeJson } from '../text.ts';
import { liveWorld } from '../worlds.ts';

/** `sluice world`: JSON always, since that is what it is for. */
export async function world({ settings, ports, screen }: Context): Promise<Exit> {
  const seen = await liveWorld(ports, settings.host);
  screen.raw(`${safeJson(encodeWorld(seen))}\n`);
  return 'ok';
}
