import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MembersError, readMembers } from '../../src/daemon/guard/members.ts';
import { formatAddress } from '../../src/ip/address.ts';

const network = 'f'.repeat(64);
const container = 'c'.repeat(64);
const entry = {
  Name: 'app',
  EndpointID: 'e'.repeat(64),
  MacAddress: '02:42:AC:1E:00:02',
  IPv4Address: '172.30.0.2/24',
  IPv6Address: 'fd00::2/64',
};
const read = (containers: unknown) =>
  readMembers(Buffer.from(JSON.stringify({ Id: network, Containers: containers })), network);

describe('an answer to a network inspect', () => {
  test('names each member with endpoint, MAC and addresses', () => {
    const [member] = read({ [container]: entry });
    expect(member).toMatchObject({ container, endpoint: entry.EndpointID, mac: '02:42:ac:1e:00:02' });
    expect(member?.addresses.map(formatAddress)).toEqual(['172.30.0.2', 'fd00::2']);
  });

  test.each<[string, unknown]>([
    ['no list', null],
    ['an empty list', {}],
    ['an endpoint of no container', { 'ep-1234': entry }],
    ['no MAC yet', { [container]: { ...entry, MacAddress: '' } }],
    ['no address yet', { [container]: { ...entry, IPv4Address: '', IPv6Address: '' } }],
    ['no endpoint yet', { [container]: { ...entry, EndpointID: '' } }],
    ['an address that is none', { [container]: { ...entry, IPv4Address: '10.1/8', IPv6Address: 7 } }],
    ['something else in its place', { [container]: 'x', [`${container}x`]: entry }],
  ])('with %s has no member', (_what, containers) => {
    expect(read(containers)).toEqual([]);
  });

  test.each(['', 'null', '[]', '{}', '{"Id":"another"}', `{"Id":"${network}","Containers":[]}`, 'HTTP/1.1'])(
    '%j is none',
    (body) => {
      expect(() => readMembers(Buffer.from(body), network)).toThrow(MembersError);
    },
  );

  test('of any content is read or refused', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(...Object.keys(entry)), (json, field) => {
        const value = JSON.parse(json) as unknown;
        expect(read({ [container]: { ...entry, [field]: value } }).length).toBeLessThanOrEqual(1);
      }),
    );
  });
});
