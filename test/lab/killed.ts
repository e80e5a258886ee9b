/** The lab that sweep.test.ts kills: says what it made, then waits to be killed. */
import { article } from '../../lab/article.ts';
import { openSite } from '../../lab/site.ts';

const site = await openSite({ engine: '28.5' });
await site.host.compose('app', article(), 'up', '-d');
const { pid, name } = site.host.cell;
console.log(JSON.stringify({ cells: [pid, site.router.pid], name: name.replace(/\d+$/, '') }));
setTimeout(() => process.exit(1), 60_000);
