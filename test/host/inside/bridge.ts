/** `BRIDGE` prints a bridge's own switches, `BRIDGE 1 0` sets them first; prints the error's kind when there is one. */
import { BridgeNetfilterError, readBridgeCalls, writeBridgeCalls } from '../../../src/host/bridge-netfilter.ts';

const [bridge = '', ip, ip6] = process.argv.slice(2);
try {
  if (ip !== undefined) writeBridgeCalls(bridge, { ip: ip === '1', ip6: ip6 === '1' });
  console.log(JSON.stringify(readBridgeCalls(bridge)));
} catch (error) {
  if (!(error instanceof BridgeNetfilterError)) throw error;
  console.log(JSON.stringify({ kind: error.kind }));
}
