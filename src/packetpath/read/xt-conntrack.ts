import type { Family } from '../../ip/address.ts';
import type { Step } from '../model.ts';
import { among, condition, parseNetwork, parsePorts, range, unknownCondition, word } from './values.ts';
import type { Option, Understood } from './xt-option.ts';

/** xt_conntrack's options and their arguments (iptables-extensions(8)). */
export const conntrackArgs: Readonly<Record<string, number>> = {
  '--ctstate': 1,
  '--ctproto': 1,
  '--ctorigsrc': 1,
  '--ctorigdst': 1,
  '--ctreplsrc': 1,
  '--ctrepldst': 1,
  '--ctorigsrcport': 1,
  '--ctorigdstport': 1,
  '--ctreplsrcport': 1,
  '--ctrepldstport': 1,
  '--ctstatus': 1,
  '--ctexpire': 1,
  '--ctdir': 1,
};

const states = ['new', 'established', 'related', 'invalid', 'untracked'];
const changed = ['dnat', 'snat']; // bits of the status, which xt_conntrack takes for states, too
const statuses: Readonly<Record<string, string>> = {
  EXPECTED: 'expected',
  SEEN_REPLY: 'seen-reply',
  ASSURED: 'assured',
  CONFIRMED: 'confirmed',
};

/** The conditions of one `-m conntrack`; undefined when they cannot be told apart. */
export function readConntrack(options: readonly Option[], family: Family): Understood {
  const state = options.find(({ name }) => name === '--ctstate');
  const rest = options.filter((option) => option !== state);
  const given = state === undefined ? [] : (state.args[0] ?? '').toLowerCase().split(',');
  if (!given.every((name) => states.includes(name) || changed.includes(name))) return undefined;
  // of a packet without conversation xt_conntrack asks nothing but the state (xt_conntrack.c, conntrack_mt)
  const withoutToo = given.some((name) => name === 'invalid' || name === 'untracked') !== (state?.not ?? false);
  if (state !== undefined && rest.length > 0 && withoutToo) return undefined;
  // a packet without conversation has a state and no status, and a state of its own is not DNAT: negated, that matches
  const isState = given.some((name) => states.includes(name)) || state?.not === true;
  const field = isState ? 'ct state' : 'ct status';
  const steps: readonly Step[] =
    state === undefined ? [] : [condition({ kind: 'any-of', field: { field }, not: state.not, words: given })];
  return [
    ...steps,
    ...rest.map((option) => readOne(option, family) ?? unknownCondition(`-m conntrack ${option.text}`)),
  ];
}

function readOne({ name, args: [text = ''], not }: Option, family: Family): Step | undefined {
  switch (name) {
    case '--ctdir': {
      const direction = text.toLowerCase();
      return direction === 'original' || direction === 'reply'
        ? among('ct direction', [word(direction)], not)
        : undefined;
    }
    case '--ctorigsrc':
    case '--ctorigdst': {
      const network = parseNetwork(text, family);
      if (network === undefined) return undefined;
      const field = name === '--ctorigsrc' ? 'ct original saddr' : 'ct original daddr';
      return among(network.mask === undefined ? field : { field, mask: network.mask }, network.values, not);
    }
    case '--ctorigdstport': {
      const ports = parsePorts(text, ':');
      return ports === undefined ? undefined : among('ct original dport', [range(ports.low, ports.high)], not);
    }
    case '--ctstatus': {
      const words = text.split(',').map((status) => statuses[status]);
      if (!words.every((status) => status !== undefined)) return undefined;
      return condition({ kind: 'any-of', field: { field: 'ct status' }, not, words });
    }
    default:
      return undefined;
  }
}
