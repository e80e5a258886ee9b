import { describe, expect, test } from 'vitest';
import { loadBridgeNetfilter, readBridgeNetfilter } from '../../src/host/bridge-netfilter.ts';

const folder = '/proc/sys/net/bridge/';
const sysctls = (ip: string, ip6: string) => ({
  [`${folder}bridge-nf-call-iptables`]: `${ip}\n`,
  [`${folder}bridge-nf-call-ip6tables`]: `${ip6}\n`,
});

test("the namespace's switches are read, and their absence", () => {
  const read = (files: Record<string, string>) => readBridgeNetfilter((path) => files[path]);
  expect(read({})).toBeNull();
  expect(read(sysctls('1', '0'))).toEqual({ ip: true, ip6: false });
});

describe('loading br_netfilter', () => {
  const host = (loads: boolean, code: number | string, stderr = '') => {
    const calls: string[][] = [];
    let files: Record<string, string> = {};
    const run = async (program: string, args: readonly string[]) => {
      calls.push([program, ...args]);
      if (loads) files = sysctls('1', '1');
      return { code, stderr };
    };
    return {
      calls,
      load: () => loadBridgeNetfilter((path) => files[path], run),
      put: () => (files = sysctls('0', '0')),
    };
  };

  test('it is loaded where it is missing', async () => {
    const { calls, load } = host(true, 0);
    expect(await load()).toBe(true);
    expect(calls).toEqual([['modprobe', 'br_netfilter']]);
  });

  test('nothing is run where it is there, on or off', async () => {
    const { calls, load, put } = host(false, 0);
    put();
    expect(await load()).toBe(false);
    expect(calls).toEqual([]);
  });

  test.each([
    [1, 'modprobe: FATAL: Module br_netfilter not found\u001b[31m'],
    ['ENOENT', ''],
    [0, ''],
  ])('modprobe that ends with %s is an error that names the next step', async (code, stderr) => {
    const { load } = host(false, code, stderr);
    await expect(load()).rejects.toMatchObject({
      kind: 'no-module',
      message: expect.stringMatching(/^[\x20-\x7e]*modprobe br_netfilter[\x20-\x7e]*$/),
    });
  });
});
