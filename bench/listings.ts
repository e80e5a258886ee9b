/** Listings of many rules for the benchmark of the readers, in each form that they read. */

/** `alike`: the rules differ in their address only, as block lists do. `unlike`: in everything. */
export const kinds = ['alike', 'unlike'] as const;
export type Kind = (typeof kinds)[number];

interface Said {
  readonly address: string;
  readonly bridge: string;
  readonly port: number;
  readonly comment: string;
}

const columns = ' pkts bytes target     prot opt in     out     source               destination\n';

const saved = ({ address, bridge, port, comment }: Said): string =>
  `-A FORWARD -s ${address}/24 -i ${bridge} -p tcp -m tcp --dport ${port} -m comment --comment "${comment}" -j ACCEPT`;

const listed = ({ address, bridge, port, comment }: Said): string =>
  `    0     0 ACCEPT     tcp  --  ${bridge.padEnd(6)} *       ${`${address}/24`.padEnd(20)} 0.0.0.0/0            tcp dpt:${port} /* ${comment} */`;

const asNft = ({ address, bridge, port, comment }: Said): string =>
  `\t\tip saddr ${address}/24 iifname "${bridge}" tcp dport ${port} counter packets 0 bytes 0 accept comment "${comment}"`;

const asJson = ({ address, bridge, port, comment }: Said, index: number): unknown => ({
  rule: {
    family: 'ip',
    table: 't',
    chain: 'c',
    handle: index + 2,
    comment,
    expr: [
      { match: { op: '==', left: { payload: { protocol: 'ip', field: 'saddr' } }, right: prefix(address) } },
      { match: { op: '==', left: { meta: { key: 'iifname' } }, right: bridge } },
      { match: { op: '==', left: { payload: { protocol: 'tcp', field: 'dport' } }, right: port } },
      { counter: { packets: 0, bytes: 0 } },
      { accept: null },
    ],
  },
});

const prefix = (addr: string): unknown => ({ prefix: { addr, len: 24 } });

function rules(count: number, kind: Kind): readonly Said[] {
  return Array.from({ length: count }, (_, n) => {
    const address = `10.${(n >> 8) & 255}.${n & 255}.0`;
    if (kind === 'alike') return { address, bridge: 'br1', port: 80, comment: 'rule' };
    return { address, bridge: `br${n}`, port: n % 65_536, comment: `rule ${n}` };
  });
}

const lines = (all: readonly Said[], line: (said: Said) => string): string =>
  all.map((said) => `${line(said)}\n`).join('');

/** A listing of so many rules of one chain, by what prints it. */
export const forms: Readonly<Record<string, (count: number, kind: Kind) => string>> = {
  'iptables-save': (count, kind) => `*filter\n:FORWARD DROP [0:0]\n${lines(rules(count, kind), saved)}COMMIT\n`,
  'iptables -S': (count, kind) => `-P FORWARD DROP\n${lines(rules(count, kind), saved)}`,
  'iptables -nvL': (count, kind) =>
    `Chain FORWARD (policy DROP 0 packets, 0 bytes)\n${columns}${lines(rules(count, kind), listed)}`,
  'nft list ruleset': (count, kind) =>
    `table ip t {\n\tchain c {\n\t\ttype filter hook forward priority filter; policy drop;\n${lines(rules(count, kind), asNft)}\t}\n}\n`,
  'nft -j list ruleset': (count, kind) =>
    JSON.stringify({
      nftables: [
        { table: { family: 'ip', name: 't', handle: 1 } },
        {
          chain: {
            family: 'ip',
            table: 't',
            name: 'c',
            handle: 1,
            type: 'filter',
            hook: 'forward',
            prio: 0,
            policy: 'drop',
          },
        },
        ...rules(count, kind).map(asJson),
      ],
    }),
};
