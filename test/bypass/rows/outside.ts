import type { Row } from '../row.ts';

const outside = (number: number, section: string, title: string, tries: string): Row => ({
  number,
  title,
  tries,
  is: { state: 'outside' },
  outside: section,
});

export const tunnel = outside(
  1,
  'names',
  'a DNS tunnel through the allowed resolver',
  'Questions whose names carry data: the resolver passes them on to the name server that they are for.',
);
export const wildcard = outside(
  6,
  'names',
  'data in labels under an allowed wildcard',
  "A name below an allowed one, of somebody else's choosing.",
);
export const casing = outside(
  7,
  'names',
  'case bits, options, types, timing of questions',
  'The parts of a question that no list of names speaks of.',
);
export const race = outside(
  10,
  'names',
  'a race with the resolver',
  'Connecting before, or after, an answer counts. No answer of a resolver changes any rule yet.',
);
export const sharedAddress = outside(
  12,
  'inside-connections',
  'another site behind an allowed shared address',
  'A content network serves many names on the address of one that is allowed.',
);
export const fronting = outside(
  14,
  'inside-connections',
  'domain fronting',
  'An allowed name in the handshake, another one in the request.',
);
export const encryptedHello = outside(
  15,
  'inside-connections',
  'encrypted ClientHello',
  'The name in the handshake is hidden from whoever looks.',
);
export const viaConnect = outside(
  19,
  'inside-connections',
  'CONNECT through the allowed proxy',
  'The proxy is told an address, a port or a name that it should not serve.',
);
export const spelling = outside(
  20,
  'names',
  'names and addresses spelled oddly',
  'NUL, trailing dots, octal addresses, other scripts: read in one way by who decides, in another by who connects.',
);
export const suffix = outside(
  21,
  'names',
  'names that end like an allowed one',
  'notok.com and ok.com.evil for ok.com.',
);
export const allowedService = outside(
  55,
  'allowed-services',
  'data through an allowed service',
  'A gist, a bucket, a published package, a webhook.',
);
export const offload = outside(
  58,
  'offload',
  'flowtables, XDP and offload to hardware',
  'Whoever may change the host lets conversations of containers skip the hooks.',
);
export const engineFetches = outside(
  61,
  'the-engines-own-traffic',
  'the engine fetches or sends',
  'Image pulls, log drivers, volume plugins: the engine speaks for the container, from the host.',
);
export const overlay = outside(
  62,
  'overlay-networks',
  'swarm and overlay networks',
  'Packets leave as VXLAN from a namespace of the engine.',
);
