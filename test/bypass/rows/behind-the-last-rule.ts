import { few, said, sendAstray, takeAtMost } from '../../attack/rewritten.ts';
import type { Row } from '../row.ts';

const who = 'app/elasticsearch';

export const behindTheLastRule: Row = {
  number: 66,
  title: 'NET_RAW: two bytes written behind the last rule',
  tries:
    'A frame asks whoever takes its packet apart to fill in a checksum first (PACKET_VNET_HDR), over half of the destination address: the host does when its way out takes less, after every rule.',
  is: {
    state: 'told',
    code: 'short-uplink',
    names: /^app\/elasticsearch /,
    under: {
      policy: `version: 1
projects:
  app: { allow: ["${said.to}:${said.port}/${said.proto}"] }
`,
      allowed: [{ from: who, ...said }],
    },
    prepare: async ({ site }) => {
      await takeAtMost(site, few);
      return () => takeAtMost(site, 1500);
    },
    attempt: async ({ site }) => {
      const { astray } = await sendAstray(site, who);
      return [{ what: `${who}: for ${said.to}, written to 45.90.9.9`, at: astray ? ['internet'] : [] }];
    },
  },
};
