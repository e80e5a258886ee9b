import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SeatingName } from './docker-host.ts';
import { far, nodes, own, type Probe, type Sender } from './rig.ts';

/** A packet on a host of Docker's, and what becomes of it by the rules of an engine. */
export interface Flow {
  readonly seating: SeatingName;
  /** The name of the engine's layout, or of a listing of the article. */
  readonly layout: string;
  readonly probe: Probe;
  /** Where it arrives or that it is stopped, and by what. */
  readonly expected: string;
}

const addresses: Readonly<Record<string, { readonly v4: string; readonly v6: string }>> = {
  ...nodes,
  far: { v4: far.v4[0], v6: far.v6[0] },
  host: own.eth0,
  gateway: own['br-one'],
};

/** An address of the rig's in the words of the flows. */
export function nameOf(address: string): string {
  return Object.entries(addresses).find(([, { v4, v6 }]) => address === v4 || address === v6)?.[0] ?? address;
}

/** Reads docker-flows.txt: networks, below them packets, below those the answers of layouts. */
function readFlows(text: string): readonly Flow[] {
  const flows: Flow[] = [];
  let [seating, packet] = ['', ''];
  for (const line of text.split('\n').filter((one) => !/^\s*(#|$)/.test(one))) {
    const said = line.trim();
    switch (line.search(/\S/)) {
      case 0:
        seating = said;
        break;
      case 2:
        packet = said;
        break;
      default: {
        const [layouts = '', expected = ''] = said.split(': ');
        for (const layout of layouts.split(' '))
          flows.push({ seating: seating as SeatingName, layout, probe: probeOf(packet, layout), expected });
      }
    }
  }
  return flows;
}

/** `c1 -> lan 443/tcp`, `lan -> c3 icmp` */
function probeOf(packet: string, layout: string): Probe {
  const [, from, to = '', port = '0', proto] = /^(\S+) -> (\S+) (?:(\d+)\/)?(\w+)$/.exec(packet) ?? [];
  const known = addresses[to];
  if (known === undefined) throw new Error(`docker-flows.txt: ${packet}`);
  const address = layout.includes('ip6') ? known.v6 : known.v4;
  return { from: from as Sender, to: address, proto: proto as Probe['proto'], port: Number(port) };
}

export const flows = readFlows(readFileSync(join(import.meta.dirname, 'docker-flows.txt'), 'utf8'));
