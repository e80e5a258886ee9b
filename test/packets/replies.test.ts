import { afterAll, beforeAll, describe } from 'vitest';
import { openSite, type Site } from '../../lab/site.ts';
import { holdWith, oneWayEach } from './backends.ts';
import { forgedConversations } from './replies/forged.ts';
import { kept, lost, project } from './replies/ground.ts';
import { oldConversations } from './replies/old.ts';

const ways = oneWayEach({ '26.1': 'iptables-legacy' });

describe.each(ways)('replies on engine $name', ({ engine, backend }) => {
  let site: Site;
  beforeAll(async () => {
    site = holdWith(await openSite({ engine, routed: true }), backend);
    await site.host.compose('app', project(engine), 'up', '-d');
    await site.internet.serve(['tcp', String(kept), String(lost), 'udp', String(kept), String(lost), '--push', '20']);
    // what the kernel forgets after minutes, it forgets here within the test
    await site.host.sysctl({
      'net.netfilter.nf_conntrack_udp_timeout': 1,
      'net.netfilter.nf_conntrack_udp_timeout_stream': 1,
      'net.netfilter.nf_conntrack_tcp_timeout_close': 1,
    });
  });
  afterAll(() => site?.stop());

  oldConversations(() => site);
  forgedConversations(() => site);
});
