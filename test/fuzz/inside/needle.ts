/** A reader that fails for a few inputs of very many. */
import type { Target } from '../target.ts';

export const target: Target = {
  readers: {
    numbers: {
      corpus: () => [Buffer.from('{"name": "a long name that is of no account", "count": 12, "more": [1, 2, 3]}')],
      read: (input) => {
        if (/"count": 4294967296\b/.test(input.toString('latin1'))) throw new Error('a count that overflows');
        return input.includes('count') ? 'accepted' : 'refused';
      },
    },
  },
};
