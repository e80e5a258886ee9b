/**
 * `list` prints the conversations of the host it runs on, `delete ADDRESS` ends those that the address began, and `set` and `clear`
 * change a bit of their marks.
 */
import { deleteFlows, dumpFlows, markFlows } from '../../../src/host/conntrack.ts';
import { formatAddress } from '../../../src/ip/address.ts';
import type { Tuple } from '../../../src/netlink/conntrack.ts';

const [verb, from, bit] = process.argv.slice(2);
const show = ({ source, destination, protocol, detail }: Tuple) => ({
  source: formatAddress(source),
  destination: formatAddress(destination),
  protocol,
  kind: detail.kind,
  ...(detail.kind === 'ports' ? { port: detail.destination } : {}),
  ...(detail.kind === 'icmp' ? { type: detail.type } : {}),
});
const flows = dumpFlows(({ original }) => from === undefined || formatAddress(original.source) === from);
if (verb === 'set' || verb === 'clear') markFlows(flows, Number(bit), verb);
const listed = flows.map(({ id, status, mark, timeout, zone, original, reply }) => ({
  id,
  status,
  mark,
  timeout,
  zone,
  original: show(original),
  reply: show(reply),
}));
console.log(JSON.stringify(verb === 'delete' ? { first: deleteFlows(flows), again: deleteFlows(flows) } : listed));
