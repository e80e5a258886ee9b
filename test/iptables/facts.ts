import type { HostFacts } from '../../src/iptables/inet.ts';

/** A host with one interface beside loopback, and every table. */
export const facts: HostFacts = { plainInterfaces: ['lo', 'eth0'], interfaces: new Map(), security: true };
