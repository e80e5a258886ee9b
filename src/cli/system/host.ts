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

  async apiListeners() {
    const { readSmallFile } = await import('../../host/files.ts');
    const { engineListeners } = await import('../../host/engine-api.ts');
    return engineListeners(readSmallFile);
  },

  async routesLoopback(interfaces) {
    const { readSmallFile } = await import('../../host/files.ts');
    const { routingLoopback } = await import('../../host/route-localnet.ts');
    return routingLoopback(interfaces, readSmallFile);
  },

  async sockets(paths) {
    const { socketPaths } = await import('../../host/socket-paths.ts');
    return socketPaths(paths);
  },

  async sizes() {
    const { readSizes } = await import('../../host/sizes.ts');
    return readSizes();
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
