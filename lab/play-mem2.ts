import { setTimeout as sleep } from 'node:timers/promises';
import { openSite } from './site.ts';
import { article } from './article.ts';
await using site = await openSite({ engine: '28.5' });
const h = site.host;
h.write('/etc/sluice/policy.yaml', `version: 1
projects:
  app: { allow: [same-project, "192.168.100.1:3128", internet] }
`);
await h.compose('app', article({ ipv6: true }), 'up', '-d');
await h.sluiceCommand('run'); const d = h.spawn(['/opt/sluice/dist/lib/node', ...(process.argv[2] ?? '').split(' ').filter(Boolean), '/opt/sluice/dist/lib/main.js', 'run']);
d.stderr.on('data', (x) => process.stdout.write('D! ' + x));
await sleep(5000);
const pid = (await h.must(['pgrep', '-f', 'main.js run'])).trim().split('\n')[0];
const show = async () => console.log((await h.must(['grep', '-E', 'VmRSS|RssAnon|Threads|voluntary', `/proc/${pid}/status`])).replaceAll('\n', ' '), (await h.must(['cat', `/proc/${pid}/stat`])).split(' ').slice(13, 15).join(' '));
await show();
for (let i = 0; i < 10; i++) { await h.docker('run', '-d', '--network', 'app_default', '--label', 'com.docker.compose.project=app', '--label', 'com.docker.compose.service=w', 'lab/app'); }
await show();
await sleep(4000);
await show();
console.log((await h.must(['sh', '-c', `for t in /proc/${pid}/task/*; do echo $(cat $t/comm) $(grep voluntary $t/status | tr '\\n' ' '); done`])));
console.log((await h.sluice('status', '--json')).stdout.match(/"counts"[^]*"pauses"[^}]*/)?.[0]);
d.kill('SIGTERM'); await sleep(500);
