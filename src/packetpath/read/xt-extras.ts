import type { Option, XtMatch } from './xt-option.ts';

/**
 * The rest of a line of `iptables -L`, behind the addresses: each extension prints itself there in its own way
 * (extensions/libxt_*.c and libipt_*.c, `print`). It is turned into the options that iptables-save would print.
 */
export interface Extras {
  readonly matches: readonly XtMatch[];
  readonly options: readonly Option[];
  readonly goto: boolean;
}

type Found = { readonly match: XtMatch } | { readonly target: readonly Option[] } | { readonly goto: true };

interface Pattern {
  /** Sticky, and ends at a blank or the end of the line. */
  readonly at: RegExp;
  readonly read: (groups: readonly (string | undefined)[], written: string) => Found | undefined;
}

const pattern = (source: string, read: Pattern['read']): Pattern => ({
  at: new RegExp(`${source}(?=\\s|$)`, 'y'),
  read,
});

function option(name: string, not: string | undefined, ...args: readonly string[]): Option {
  const negated = not !== undefined && not !== '';
  return { name, not: negated, args, text: [...(negated ? ['!'] : []), name, ...args].join(' ') };
}

const matched = (module: string, ...options: readonly Option[]): Found => ({ match: { module, options } });

/** What goes by chance, time or history: its own words are all that is needed. */
const depends = (module: string, source: string): Pattern =>
  pattern(source, (_, written) => ({ match: { module, options: [], written } }));

const number = '(?:0x[0-9a-f]+|[0-9]+)';

/** Options of a match in the order it prints them: `sport`, `dport` and `flags` of tcp, say. */
function items(
  module: string,
  text: string,
  item: RegExp,
  read: (groups: RegExpExecArray) => Option | undefined,
): Found {
  const options: Option[] = [];
  for (const groups of text.matchAll(item)) {
    const one = read(groups as RegExpExecArray);
    if (one !== undefined) options.push(one);
  }
  return matched(module, ...options);
}

const portNames: Readonly<Record<string, string>> = {
  spt: '--sport',
  spts: '--sport',
  dpt: '--dport',
  dpts: '--dport',
};

/** `tcp spts:1:65535 dpt:!22 flags:0x17/0x02` */
const header = pattern(
  '(tcp|udp|sctp|dccp)((?: (?:[sd]pts?:\\S+|flags:\\S+|option=\\S+))*)',
  ([, module = '', text = '']) =>
    items(module, text, / ([a-z]+)[:=](!?)(\S+)/g, ([, name = '', not, value = '']) => {
      if (name === 'flags') return option('--tcp-flags', not, ...value.split('/'));
      return option(portNames[name] ?? `--tcp-${name}`, not, value);
    }),
);

const physdev = '(?:! )?--physdev-(?:is-(?:in|out|bridged)|(?:in|out) \\S+)';

/** The options of xt_conntrack that `-L` prints under their names without dashes. */
const conntrack =
  '(?:! )?ct(?:state|proto|origsrc|origdst|replsrc|repldst|origsrcport|origdstport|replsrcport|repldstport|status|expire|dir) \\S+';

const marks: Readonly<Record<string, string>> = {
  set: '--set-xmark',
  xset: '--set-xmark',
  and: '--and-mark',
  or: '--or-mark',
  xor: '--xor-mark',
};

const compared: Readonly<Record<string, string>> = { '==': 'eq', '!=': 'eq', '<': 'lt', '>': 'gt' };

const patterns: readonly Pattern[] = [
  header,
  pattern(`${conntrack}(?: ${conntrack})*`, (_, text) =>
    items('conntrack', ` ${text}`, / (! )?(ct\w+) (\S+)/g, ([, not, name, value = '']) =>
      option(`--${name}`, not, value),
    ),
  ),
  pattern('(! )?state (\\S+)', ([, not, value = '']) => matched('state', option('--state', not, value))),
  pattern('multiport (sports|dports|ports) +(!)?(\\S+)', ([, side, not, value = '']) =>
    matched('multiport', option(`--${side}`, not, value)),
  ),
  pattern('(icmp|ipv6-icmp) ?(!)?type ([0-9]+)(?: code ([0-9]+))?', ([, name, not, type, code]) =>
    icmp(name, not, code === undefined ? `${type}` : `${type}/${code}`),
  ),
  pattern('(icmp|ipv6-icmp) (!)?([a-zA-Z-]+)', ([, name, not, type = '']) => icmp(name, not, type)),
  pattern(`(mark|connmark) match +(! ?)?(${number}(?:/${number})?)`, ([, module = '', not, value = '']) =>
    matched(module, option('--mark', not, value)),
  ),
  pattern('ADDRTYPE match((?: (?:src-type|dst-type) !?\\S+| limit-in| limit-out)+)', ([, text = '']) =>
    items('addrtype', text, / (src-type|dst-type|limit-in|limit-out)(?: (!?)(\S+))?/g, ([, name = '', not, value]) =>
      name.startsWith('limit') ? option(`--${name}`, '') : option(`--${name}`, not, value ?? ''),
    ),
  ),
  pattern(
    '(! )?match-set (\\S+) (\\S+)((?: return-nomatch| ! update-(?:sub)?counters)*)',
    ([, not, name = '', sides = '', more = '']) =>
      matched(
        'set',
        option('--match-set', not, name, sides),
        ...(more.includes('return-nomatch') ? [option('--return-nomatch', '')] : []),
      ),
  ),
  pattern(`PHYSDEV match((?: ${physdev})+)`, ([, text = '']) =>
    items('physdev', text, / (! )?(--[a-z-]+)(?: (?!--|!)(\S+))?/g, ([, not, name = '', value]) =>
      option(name, not, ...(value === undefined ? [] : [value])),
    ),
  ),
  pattern('MAC ?(! ?)?([0-9a-fA-F:]{17})', ([, not, mac = '']) => matched('mac', option('--mac-source', not, mac))),
  pattern('(source|destination) IP range (! ?)?(\\S+)', ([, side, not, value = '']) =>
    matched('iprange', option(side === 'source' ? '--src-range' : '--dst-range', not, value)),
  ),
  pattern('PKTTYPE (=|!=) (\\S+)', ([, sign, value = '']) =>
    matched('pkttype', option('--pkt-type', sign === '=' ? '' : '!', value)),
  ),
  pattern(
    '(! )?owner UID match (\\S+)((?: (?:! )?owner (?:GID match \\S+|socket exists))*)',
    ([, not, value = '', more = ''], written) => ({
      match: {
        module: 'owner',
        options: [option('--uid-owner', not, value), ...(more === '' ? [] : [option('--gid-owner', '', more)])],
        written,
      },
    }),
  ),
  pattern('cgroup (! )?([0-9]+)', ([, not, value = '']) => matched('cgroup', option('--cgroup', not, value))),
  pattern('(TTL|HL) match (?:TTL|HL) (==|!=|<|>) ([0-9]+)', ([, name = '', sign = '', value = '']) => {
    const module = name.toLowerCase();
    return matched(module, option(`--${module}-${compared[sign]}`, sign === '!=' ? '!' : '', value));
  }),
  pattern('rt', () => matched('rt')),
  pattern('match bpf ([0-9]+(?: [0-9]+){3}(?:,[0-9]+(?: [0-9]+){3})*)', ([, program = '']) => {
    const bytecode = `${program.split(',').length},${program}`;
    const text = `--bytecode "${bytecode}"`;
    return matched('bpf', { name: '--bytecode', not: false, args: [bytecode], text });
  }),
  depends('limit', 'limit: avg \\S+ burst [0-9]+'),
  depends(
    'hashlimit',
    'limit: (?:up to|above) \\S+(?: (?:burst|mode|htable-[a-z]+|srcmask|dstmask|rate-[a-z]+) \\S+| rate-match)*',
  ),
  pattern(
    '(! )?recent: ([A-Z]+)((?: (?:seconds|hit_count|name|side|mask): \\S+| reap| TTL-Match)*)',
    ([, not, what], written) => ({
      match: { module: 'recent', options: what === 'SET' ? [option('--set', not)] : [], written },
    }),
  ),
  depends('statistic', 'statistic mode random(?: !)? probability \\S+'),
  depends('statistic', 'statistic mode nth(?: !)? every \\S+(?: packet [0-9]+)?'),
  depends('connlimit', '#conn \\S+ (?:<=|>) [0-9]+'),
  depends('quota', '(?:! )?quota: [0-9]+ bytes'),
  depends(
    'time',
    'TIME(?: from \\S+ to \\S+)?(?: on (?:! ?)?[0-9A-Za-z,]+)*(?: starting from \\S+ \\S+)?(?: until date \\S+ \\S+)?(?: (?:UTC|kerneltz|contiguous))*',
  ),
  pattern('\\[goto\\]', () => ({ goto: true })),
  pattern('to:(\\S+)((?: (?:random|random-fully|persistent))*)', ([, to = '']) => ({
    target: ['--to-destination', '--to-source'].map((name) => option(name, '', to)),
  })),
  pattern('(?:redir ports|masq ports:) (\\S+)(?: random)?', ([, ports = '']) => ({
    target: [option('--to-ports', '', ports)],
  })),
  pattern('reject-with (\\S+)', ([, name = '']) => ({ target: [option('--reject-with', '', name)] })),
  pattern(`(?:MARK|CONNMARK) (set|xset|and|or|xor) (${number}(?:/${number})?)`, ([, how = '', value = '']) => ({
    target: [option(marks[how] as string, '', value)],
  })),
  pattern(
    `CONNMARK (save|restore)(?: mask (${number})| nfmask (${number}) ctmask (${number}))?`,
    ([, how, mask, nf, ct]) => ({
      target: [
        option(`--${how}-mark`, ''),
        ...(mask === undefined ? [] : [option('--mask', '', mask)]),
        ...(nf === undefined || ct === undefined ? [] : [option('--nfmask', '', nf), option('--ctmask', '', ct)]),
      ],
    }),
  ),
  pattern('NOTRACK', () => ({ target: [option('--notrack', '')] })),
];

function icmp(name: string | undefined, not: string | undefined, type: string): Found {
  return name === 'icmp'
    ? matched('icmp', option('--icmp-type', not, type))
    : matched('icmp6', option('--icmpv6-type', not, type));
}

/** Targets that print everything after their name, or after these words, as their own. */
const ownWords: Readonly<Record<string, readonly string[]>> = {
  SET: ['add-set', 'del-set', 'map-set'],
  NFLOG: ['nflog-'],
};

/** Reads the rest of a line; words that no extension is known to print are a match of their own that is not understood. */
export function readExtras(text: string, target: string | null): Extras {
  const matches: XtMatch[] = [];
  const options: Option[] = [];
  let goto = false;
  let strange: string[] = [];
  const flush = (): void => {
    if (strange.length > 0) matches.push({ module: '', options: [], written: strange.join(' ') });
    strange = [];
  };
  let at = 0;
  while (at < text.length) {
    if (text[at] === ' ' || text[at] === '\t') {
      at++;
      continue;
    }
    const comment = commentAt(text, at);
    if (comment !== undefined) {
      flush();
      matches.push({ module: 'comment', options: [option('--comment', '', comment)] });
      at += comment.length + 6;
      continue;
    }
    if (target !== null && isOfTarget(text, at, target)) {
      const own = text.slice(text.startsWith(`${target} `, at) ? at + target.length + 1 : at);
      options.push({ name: '', not: false, args: [], text: own });
      break;
    }
    const found = foundAt(text, at);
    if (found === undefined) {
      const end = wordEnd(text, at);
      strange.push(text.slice(at, end));
      at = end;
      continue;
    }
    flush();
    if ('match' in found.what) matches.push(found.what.match);
    else if ('target' in found.what) options.push(...found.what.target);
    else goto = true;
    at = found.end;
  }
  flush();
  return { matches, options, goto };
}

/** `/* … *\/`; a comment that holds an end of a comment itself is cut there, and the rest is not understood. */
function commentAt(text: string, at: number): string | undefined {
  if (!text.startsWith('/* ', at)) return undefined;
  const end = text.indexOf(' */', at + 2);
  return end < 0 ? undefined : text.slice(at + 3, Math.max(end, at + 3));
}

function isOfTarget(text: string, at: number, target: string): boolean {
  if (target === 'MARK' || target === 'CONNMARK') return false; // patterns of their own
  const starts = [`${target} `, ...(Object.hasOwn(ownWords, target) ? (ownWords[target] as readonly string[]) : [])];
  return starts.some((start) => text.startsWith(start, at));
}

function foundAt(text: string, at: number): { readonly what: Found; readonly end: number } | undefined {
  for (const { at: expression, read } of patterns) {
    expression.lastIndex = at;
    const groups = expression.exec(text);
    const what = groups === null ? undefined : read(groups, groups[0]);
    if (what !== undefined) return { what, end: expression.lastIndex };
  }
  return undefined;
}

function wordEnd(text: string, at: number): number {
  let end = at;
  while (end < text.length && text[end] !== ' ' && text[end] !== '\t') end++;
  return end;
}
