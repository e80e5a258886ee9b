import type { HostPort } from '../ports.ts';

/** The host we run on. Its parts are loaded when they are used. */
export const systemHost: HostPort = {
  async nameservers() {
    const { readSmallFile } = await import('../../host/files.ts');
    const { hostNameservers } = await import('../../host/resolv-conf.ts');
    return hostNameservers(readSmallFile)
      .filter(({ zoned }) => !zoned)
      .map(({ address }) => address);
  },

  async conntrack() {
    const { readSmallFile } = await import('../../host/files.ts');
    const { readConntrackTable } = await import('../../host/conntrack-table.ts');
    return readConntrackTable(readSmallFile);
  },

  async proxies() {
    const { dockerProxies, processFiles } = await import('../../host/docker-proxies.ts');
    return dockerProxies(processFiles);
  },

  async flushers() {
    const { readSmallFile } = await import('../../host/files.ts');
    const { flushingServices, listFolder } = await import('../../host/flushing-services.ts');
    return flushingServices(readSmallFile, listFolder);
  },

  async bridgeCalls() {
    const { listLinks } = await import('../../netlink/route.ts');
    const { NetlinkSocket } = await import('../../netlink/socket.ts');
    using netlink = NetlinkSocket.open('route');
    return new Map(
      listLinks(netlink).flatMap(({ name, bridgeCalls }) =>
        bridgeCalls === null ? [] : [[name, bridgeCalls] as const],
      ),
    );
  },

  async allRules() {
    const { readHostRules } = await import('../../host/rules.ts');
    return readHostRules();
  },

  async surroundings() {
    const { readSurroundings } = await import('../../host/surroundings.ts');
    return readSurroundings();
  },
};
