import { describe, expect, test } from 'vitest';
import { explainListing } from '../../../src/packetpath/purpose/explain-listing.ts';
import { outranked } from '../../../src/packetpath/purpose/outranked.ts';
import { readListing } from '../../../src/packetpath/read/read.ts';
import type { World } from '../../../src/world/world.ts';
import { worldOf } from '../../cli/hosts.ts';
import { told, toldOf } from './subjects.ts';

const filter = (chains: readonly string[], ...rules: readonly string[]) =>
  ['*filter', ':INPUT DROP [0:0]', ':FORWARD DROP [0:0]', ':OUTPUT ACCEPT [0:0]']
    .concat(
      chains.map((name) => `:${name} - [0:0]`),
      rules,
      'COMMIT',
    )
    .join('\n');

describe('chains of others are named, and their rules are not taken for more than they are', () => {
  test.each([
    ['ufw', 'ufw-before-input', 'rules of /etc/ufw/before.rules'],
    ['ufw', 'ufw-user-forward', 'rules given by'],
    ['ufw', 'ufw6-logging-deny', null],
    ['libvirt', 'LIBVIRT_FWO', 'virtual machines'],
    ['kube', 'KUBE-SERVICES', null],
    ['podman', 'NETAVARK_FORWARD', 'netavark'],
    ['cni', 'CNI-FORWARD', 'CNI'],
    ['fail2ban', 'f2b-sshd', 'banned'],
    ['tailscale', 'ts-forward', null],
    ['cni', 'cali-from-wl-dispatch', 'CNI'],
    ['cni', 'WEAVE-NPC-EGRESS', 'CNI'],
    ['cni', 'AWS-SNAT-CHAIN-0', 'CNI'],
    ['istio', 'ISTIO_OUTPUT', 'proxy'],
    ['nomad', 'NOMAD-ADMIN', 'administrator'],
    ['proxmox', 'PVEFW-FWBR-IN', null],
    ['nixos', 'nixos-fw', null],
    ['nixos', 'nixos-fw-log-refuse', null],
    ['crowdsec', 'CROWDSEC_CHAIN', 'banned'],
    ['openwrt', 'zone_lan_dest_ACCEPT', 'zone'],
  ])('%s: %s', (maker, name, words) => {
    const { tables } = explainListing(
      readListing(filter([name], `-A INPUT -j ${name}`, `-A ${name} -s 10.0.0.0/8 -j ACCEPT`)),
      null,
    );
    const chain = tables[0]?.chains.find((one) => one.chain.name === name);
    expect(chain?.maker).toBe(maker);
    expect(chain?.sentence ?? '').toContain(words ?? '');
    expect(chain?.rules[0]?.purpose).toMatchObject({ maker, sureness: 'by-chain', outbound: 'may-let-out' });
    const call = tables[0]?.chains.find((one) => one.chain.name === 'INPUT')?.rules[0];
    expect(call?.purpose).toMatchObject({ maker, sureness: 'by-chain', outbound: 'calls' });
  });

  test('the chain that has the article’s name is Sluice’s beside its others, else the article’s', () => {
    const of = (...chains: readonly string[]) => {
      const rules = ['-A FORWARD -j DOCKER-OUTBOUND-FILTER', '-A DOCKER-OUTBOUND-FILTER -d 10.0.0.0/8 -j DROP'];
      const { tables } = explainListing(readListing(filter(chains, ...rules)), null);
      const own = tables[0]?.chains.find(({ chain }) => chain.name === 'DOCKER-OUTBOUND-FILTER');
      const call = tables[0]?.chains.find(({ chain }) => chain.name === 'FORWARD')?.rules[0];
      return [own?.maker, own?.rules[0]?.purpose.maker, call?.purpose.maker];
    };
    expect(of('DOCKER-OUTBOUND-FILTER')).toEqual(['outbound-filter', 'outbound-filter', 'outbound-filter']);
    expect(of('DOCKER-OUTBOUND-FILTER', 'DOCKER-OUTBOUND-tell')).toEqual(['sluice', 'sluice', 'sluice']);
  });

  test('firewalld’s chains have plain names: they are its own only beside its skeleton', () => {
    const rules = ['-A INPUT -j IN_public', '-A IN_public -p tcp -m tcp --dport 22 -j ACCEPT'];
    const makers = (chains: readonly string[]) => toldOf(filter(chains, ...rules)).map(({ purpose }) => purpose.maker);
    expect(makers(['IN_public'])).toEqual(['unknown', 'unknown']);
    expect(makers(['IN_public', 'INPUT_ZONES', 'INPUT_direct'])).toEqual(['firewalld', 'firewalld']);
  });

  test('csf’s chains have plain names, too', () => {
    const rules = ['-A INPUT -j DENYIN', '-A DENYIN -s 10.0.0.1/32 -j DROP'];
    const makers = (chains: readonly string[]) => toldOf(filter(chains, ...rules)).map(({ purpose }) => purpose.maker);
    const skeleton = ['LOCALINPUT', 'LOCALOUTPUT', 'LOGDROPIN', 'LOGDROPOUT'];
    expect(makers(['DENYIN', ...skeleton.slice(1)])).toEqual(['unknown', 'unknown']);
    expect(makers(['DENYIN', ...skeleton])).toEqual(['csf', 'csf']);
  });

  test.each([
    ['wg-quick', 'ip', 'wg-quick-wg0'],
    ['wg-quick', 'ip6', 'wg-quick-wg0'],
    ['lxd', 'inet', 'lxd'],
    ['incus', 'inet', 'incus'],
    ['cni', 'ip', 'flannel-ipv4'],
    ['kube', 'ip6', 'kube-proxy'],
    ['podman', 'inet', 'netavark'],
    ['proxmox', 'bridge', 'proxmox-firewall-guests'],
    ['openwrt', 'inet', 'fw4'],
    ['crowdsec', 'ip6', 'crowdsec6'],
    ['mullvad', 'inet', 'mullvad'],
    ['fail2ban', 'inet', 'f2b-table'],
    ['unknown', 'inet', 'filter'],
    ['unknown', 'inet', 'lxd2'],
  ])('%s alone fills table %s %s', (maker, family, name) => {
    const text = `table ${family} ${name} {\n\tchain c {\n\t\tdrop\n\t}\n}\n`;
    expect(explainListing(readListing(text), null).tables[0]?.maker).toBe(maker);
    expect(toldOf(text)[0]?.purpose.maker).toBe(maker);
  });

  test('a comment that somebody puts on rules in chains of everybody’s names them, but not in Docker’s own chains', () => {
    const told = toldOf(
      filter(
        ['DOCKER-FORWARD'],
        '-A FORWARD -i lxdbr0 -m comment --comment "generated for LXD network lxdbr0" -j ACCEPT',
        '-A FORWARD -i incusbr0 -m comment --comment "generated for Incus network incusbr0" -j ACCEPT',
        '-A INPUT -d 10.0.0.2/32 ! -i wg0 -m comment --comment "wg-quick(8) rule for wg0" -j DROP',
        '-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j DROP',
        '-A INPUT -m comment --comment "my cali:Cz_u1IQiXIMmKD4c" -j DROP',
        '-A DOCKER-FORWARD -m comment --comment "generated for LXD network lxdbr0" -j ACCEPT',
      ),
    );
    expect(told.map(({ purpose }) => `${purpose.maker} ${purpose.sureness}`).toSorted()).toEqual(
      [
        'lxd by-comment',
        'incus by-comment',
        'wg-quick by-comment',
        'cni by-comment',
        'unknown unknown',
        'unknown unknown',
      ].toSorted(),
    );
  });

  test('an unconditional call is its chain’s, a conditional one is not', () => {
    const rules = toldOf(
      filter(['ufw-user-input'], '-A INPUT -j ufw-user-input', '-A INPUT -i eth0 -j ufw-user-input'),
    );
    expect(rules.map(({ purpose }) => purpose.maker)).toEqual(['ufw', 'unknown']);
  });
});

describe('rules of nobody', () => {
  const rules = toldOf(
    filter(
      ['DOCKER', 'DOCKER-USER'],
      '-A FORWARD -j DOCKER-USER',
      '-A FORWARD -s 172.20.0.0/16 -d 192.168.0.0/16 -j DROP',
      '-A FORWARD -i br-0123456789ab -m geoip --dst-cc RU -j ACCEPT',
      '-A FORWARD -j WHATEVER --some-option 3',
      '-A INPUT -i lo -j ACCEPT',
      '-A OUTPUT -d 10.0.0.1/32 -j DROP',
      '-A DOCKER -d 172.18.0.4/32 -j ACCEPT',
      '-A DOCKER-USER -s 10.0.0.0/8 -j REJECT',
      '-A FORWARD -j LOG',
    ),
  );
  const of = (words: string) => rules.find(({ rule }) => rule.text.includes(words))?.purpose;

  test('say what they do and not what for', () => {
    expect(of('192.168.0.0/16')).toMatchObject({
      maker: 'unknown',
      sureness: 'unknown',
      outbound: 'may-stop',
      sentence: 'not known: drops what it matches',
    });
    expect(of('geoip')).toMatchObject({ maker: 'unknown', outbound: 'may-let-out' });
    expect(of('WHATEVER')).toMatchObject({ maker: 'unknown', outbound: 'unknown' });
    expect(of('LOG')).toMatchObject({ maker: 'unknown', outbound: 'nothing' });
  });

  test('and where nothing that a container sends can come, that', () => {
    expect(of('-i lo')).toMatchObject({ outbound: 'host' });
    expect(of('10.0.0.1/32')).toMatchObject({ outbound: 'host' });
  });

  test('in a chain of Docker’s are said to be none of its', () => {
    expect(of('172.18.0.4')).toMatchObject({ maker: 'unknown', sureness: 'unknown' });
    expect(of('172.18.0.4')?.sentence).toContain('not a rule that Docker makes here');
  });

  test('in DOCKER-USER are yours', () => {
    expect(of('REJECT')).toMatchObject({ maker: 'operator', sureness: 'by-chain', outbound: 'may-stop' });
  });

  test('concern the networks whose bridges and subnets they name', () => {
    const listing = readListing(
      filter([], '-A FORWARD -s 172.20.0.0/16 -d 192.168.0.0/16 -j DROP', '-A FORWARD -j DROP'),
    );
    const all = told(explainListing(listing, world));
    expect(all.map(({ purpose }) => purpose.networks.map(({ name }) => name))).toEqual([['app_default'], []]);
    expect(all[0]?.purpose.networks[0]?.project).toBe('app');
  });
});

const world: World = worldOf({
  networks: [
    { name: 'app_default', subnets: ['172.20.0.0/16', 'fd00:20::/64'], project: 'app', composeKey: 'default' },
  ],
  containers: [{ name: 'app-app-1', workload: 'app/app', on: ['app_default'], published: ['3000:3000/tcp'] }],
});

test('inside Swarm’s routing mesh, and only there, marks are its own', () => {
  const marks = [
    '*mangle',
    ':PREROUTING ACCEPT [0:0]',
    '-A PREROUTING -p tcp -m tcp --dport 8080 -j MARK --set-xmark 0x101/0xffffffff',
    'COMMIT',
  ];
  const spread = [
    '*nat',
    ':POSTROUTING ACCEPT [0:0]',
    '-A POSTROUTING -d 10.0.0.0/24 -m ipvs --ipvs -j SNAT --to-source 10.0.0.2',
    'COMMIT',
  ];
  const makers = (...lines: readonly string[]) => toldOf(lines.join('\n')).map(({ purpose }) => purpose.maker);
  expect(makers(...marks, ...spread)).toEqual(['swarm', 'swarm']);
  expect(makers(...marks)).toEqual(['unknown']);
});

describe('what networks send and a rule never sees', () => {
  const way = [
    '-A FORWARD -j DOCKER-FORWARD',
    '-A DOCKER-FORWARD -j DOCKER-INTERNAL',
    '-A DOCKER-FORWARD -i br1 -j ACCEPT',
  ];
  const mine = '-A FORWARD -s 172.20.0.0/16 -d 192.168.0.0/16 -j DROP';
  const seen = (...rules: readonly string[]) => {
    const { tables } = explainListing(
      readListing(filter(['DOCKER-FORWARD', 'DOCKER-INTERNAL', 'DOCKER-USER'], ...rules)),
      null,
    );
    const chain = tables[0]?.chains.find((one) => one.chain.name === 'FORWARD');
    const rule = chain?.rules.find((one) => one.rule.text === mine);
    return chain === undefined || rule === undefined ? undefined : outranked(rule, chain.waysOut);
  };

  test('is what a rule before it, or a chain that was called, has let out', () => {
    expect(seen(...way, mine)).toMatchObject([{ network: { bridge: 'br1' }, by: 1 }]);
    expect(seen(mine, ...way)).toEqual([]);
  });

  test('is said once, by the first call, however often chains call each other', () => {
    const often = (rule: string) => Array.from({ length: 600 }, () => rule);
    const calls = [
      '-A FORWARD -j DOCKER-FORWARD',
      '-A DOCKER-FORWARD -j DOCKER-INTERNAL',
      '-A DOCKER-INTERNAL ! -s 172.21.0.0/16 -o br2 -j DROP',
    ].flatMap(often);
    const { user: before } = process.cpuUsage();
    const found = seen(...calls, ...often(way.at(-1) ?? ''), mine);
    const { user: after } = process.cpuUsage();
    expect(found).toMatchObject([{ network: { bridge: 'br1' }, by: 1 }]);
    expect((after - before) / 1_000_000).toBeLessThan(5);
  });

  test('is not said where somebody’s rule may lead round the way out', () => {
    const round = '-A DOCKER-FORWARD -d 192.168.0.0/16 -j RETURN';
    expect(seen('-A FORWARD -j DOCKER-FORWARD', round, ...way.slice(1), mine)).toEqual([]);
  });

  test('is of no concern to a rule that is about another network', () => {
    const other = mine.replace('-s 172.20.0.0/16', '-i br-0123456789ab');
    const { tables } = explainListing(readListing(filter(['DOCKER-FORWARD', 'DOCKER-INTERNAL'], ...way, other)), null);
    const chain = tables[0]?.chains.find((one) => one.chain.name === 'FORWARD');
    expect(chain?.rules[1] === undefined ? null : outranked(chain.rules[1], chain.waysOut)).toEqual([]);
  });
});

describe('with the engine’s word', () => {
  const [network] = world.networks;
  const bridge = network?.bridge?.name ?? '';
  const [address] = world.containers[0]?.endpoints[0]?.addresses ?? [];
  const ip =
    address === undefined ? '' : [24n, 16n, 8n, 0n].map((shift) => String((address.value >> shift) & 255n)).join('.');
  const rules = told(
    explainListing(
      readListing(
        filter(
          ['DOCKER', 'DOCKER-ISOLATION-STAGE-1'],
          '-A FORWARD -j DOCKER-ISOLATION-STAGE-1',
          `-A FORWARD -i ${bridge} ! -o ${bridge} -j ACCEPT`,
          '-A FORWARD -i docker0 ! -o docker0 -j ACCEPT',
          `-A DOCKER -d ${ip}/32 ! -i ${bridge} -o ${bridge} -p tcp -m tcp --dport 3000 -j ACCEPT`,
        ),
      ),
      world,
    ),
  ).map(({ purpose }) => purpose);

  test('networks and containers have their names and projects', () => {
    expect(rules[1]).toMatchObject({
      sentence: 'lets app_default send to anywhere outside itself: nothing limits where to',
      networks: [{ bridge, name: 'app_default', project: 'app' }],
    });
    expect(rules[3]).toMatchObject({
      sentence: `lets TCP from outside app_default reach app-app-1 (${ip}) on port 3000: a published port`,
      containers: [{ address: ip, name: 'app-app-1', project: 'app', service: 'app' }],
    });
  });

  test('a bridge that the engine has no network on is said to have none', () => {
    expect(rules[2]?.sentence).toContain('the engine has no network on docker0');
  });
});
