/** Builds what the lab keeps in its cache: the roots, and (through them) the static tools. Prints progress on stderr. */
import { parseArgs } from 'node:util';
import { ensureRoot, type RootName, rootNames } from './roots.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const wanted = positionals.length > 0 ? positionals : [...rootNames];
for (const name of wanted) {
  if (!(rootNames as readonly string[]).includes(name)) {
    console.error(`no root called ${name}; there are ${rootNames.join(', ')}`);
    process.exit(2);
  }
  await ensureRoot(name as RootName, (text) => console.error(`lab: ${text}`));
}
