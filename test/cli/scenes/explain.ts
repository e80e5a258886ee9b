import { applied, articleHost, articlePolicy, changed, labelled, looser, named, withoutPort } from '../hosts.ts';
import { listingText, type Scene, type Scenes } from './scene.ts';

/** `sluice explain` with these words, on a host that holds the policy. */
const explained = (words: string, policy?: string): Scene => ({
  args: ['explain', ...words.split(' ')],
  host: () => applied(policy),
});

/** `sluice explain --path` through a listing. */
const path = (from: string, to: string, file: string, columns: number, ...more: readonly string[]): Scene => ({
  args: ['explain', '--path', from, to, '--listing', '-', ...more],
  host: () => {
    const host = articleHost();
    host.input = listingText(file);
    return host;
  },
  columns,
});

const layout = 'purpose/layouts/20.10.rules';

/** `sluice explain`, of the policy and of the path through rules. */
export const explain: Scenes = {
  'explain-refused-labels': { args: ['explain', 'app/app', '8.8.8.8:443'], host: () => labelled() },
  'explain-labels-in-error': { args: ['explain', 'stray', '8.8.8.8:443'], host: () => labelled() },
  'explain-denied': explained('app/app 192.168.5.5:22'),
  'explain-denied-120-columns': { ...explained('app/app 192.168.5.5:22'), columns: 120 },
  'explain-allowed': explained('app/app 8.8.8.8:443'),
  'explain-allowed-by-identity': explained('app-app-1 service/mongo:27017'),
  'explain-by-the-name-in-from': explained('app/app app/mongo:27017'),
  'explain-guardrail': explained('app/app 169.254.169.254:80'),
  'explain-wrong-port': explained('app/app 192.168.100.2:53'),
  'explain-partly': explained('app/app 192.168.100.2'),
  'explain-host': explained('app/app host:22'),
  'explain-published-port': explained('app/mongo host:3000'),
  'explain-published-port-denied': explained('app/mongo host:3000', named('').replace('same-project, ', '')),
  'explain-broadcast': explained('app/app 172.20.255.255:137/udp'),
  'explain-vacant-address': explained('app/app 172.20.0.99:80'),
  'explain-a-neighbour-by-address': explained('app/app 172.22.0.2'),
  'explain-a-ping': explained('app/app 172.22.0.2/icmp'),
  'explain-audit': explained('app/app 192.168.5.5:22', articlePolicy.replace('mode: enforce', 'mode: audit')),
  'explain-deny-list': explained(
    'app/app 8.8.8.8:443',
    named('').replace('dns] }', 'internet, dns], deny: ["8.8.8.0/24"] }'),
  ),
  'explain-unmanaged': explained('portainer 192.168.5.5:22'),
  'explain-not-held': explained('node-exporter 192.168.5.5:22'),
  'explain-cut-off': {
    args: ['explain', 'app/app', '192.168.5.5:22'],
    host: async () => Object.assign(await applied(), { world: withoutPort() }),
  },
  'explain-two-networks': explained('shop/web 192.168.5.5:22'),
  'explain-other-network': explained('shop-web-1 192.168.5.5:22 --network shop_default'),
  'explain-not-in-force': { args: ['explain', 'app/app', '192.168.5.5:22'] },
  'explain-changed-since': {
    args: ['explain', 'app/app', '192.168.5.5:22'],
    host: () => changed(articlePolicy, looser),
  },
  'explain-failing-test': {
    args: ['explain', 'app/app', '192.168.100.1:3128'],
    host: () => changed(articlePolicy, articlePolicy.replace('internet]', 'private]')),
  },
  'explain-nobody': explained('app/ap 192.168.5.5:22'),
  'explain-from-a-project': explained('app 192.168.5.5:22'),
  'explain-from-a-composed-container': explained('container/app-mongo-1 192.168.5.5:22'),
  'explain-to-nobody': explained('app/app app/mngo:27017'),
  'explain-to-a-container': explained('app/app app-mongo-1:27017'),
  'explain-to-an-unknown-group': explained('app/app http-proxi'),
  'explain-to-ports-twice': explained('app/app resolver:53'),
  'explain-bad-destination': explained('app/app 10.1'),
  'explain-bad-service': explained('app/app service/*:80'),
  'explain-dns-name': explained('app/app api.example.com:443'),
  'explain-loopback': explained('app/app 127.0.0.1:80'),
  'path-article-outranked': path('172.20.0.5%br-c4d330f8b3c3', '192.168.5.5:22', 'fixtures/article-outranked.txt', 80),
  'path-article-stopped': path('172.20.0.5%br-ccaef8da7d18', '192.168.5.5:22', 'fixtures/article-two-projects.txt', 80),
  'path-article-passes': path(
    '172.20.0.5%br-ccaef8da7d18',
    '192.168.100.1:80',
    'fixtures/article-two-projects.txt',
    80,
  ),
  'path-published-port': path('lan', 'host:8080', layout, 80),
  'path-all-40-columns': path('br1', 'internet:443', layout, 40, '--all'),
  'path-nobody': path('app/ap', '192.168.5.5:22', layout, 80),
};
