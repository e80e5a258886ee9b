/** Where the attacks are tried: one engine in `npm test`, every engine with every backend with SLUICE_CAMPAIGN=full. */
import { full } from '../campaign/campaign.ts';
import { type Way, waysOf } from '../packets/backends.ts';

export const attackWays: readonly Way[] =
  full || process.env['SLUICE_BACKEND'] !== undefined
    ? waysOf({})
    : waysOf({}).filter(({ engine }) => engine === '28.5');
