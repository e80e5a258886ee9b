import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { findEngine } from '../../src/docker/context.ts';

const metaPath = (folder: string, name: string) =>
  `${folder}/contexts/meta/${createHash('sha256').update(name).digest('hex')}/meta.json`;
const meta = (name: string, host: unknown) =>
  JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker: { Host: host } } });

const find = (env: Record<string, string>, files: Record<string, string> = {}) =>
  findEngine({ env, homeDirectory: '/root', readFile: (path) => files[path] });

describe('the engine is found as the client of Docker finds it', () => {
  const socket = '/var/run/docker.sock';
  const config = (current: string) => ({
    '/root/.docker/config.json': JSON.stringify({ currentContext: current, auths: {} }),
  });
  const prod = { [metaPath('/root/.docker', 'prod')]: meta('prod', 'unix:///run/prod.sock') };
  const other = { [metaPath('/etc/d', 'prod')]: meta('prod', 'unix:///run/other.sock') };

  test.each<[string, Record<string, string>, Record<string, string>, string]>([
    ['nothing said', {}, {}, socket],
    ['DOCKER_HOST', { DOCKER_HOST: 'unix:///run/a.sock' }, {}, '/run/a.sock'],
    ['DOCKER_HOST without a path', { DOCKER_HOST: 'unix://' }, {}, socket],
    ['an empty DOCKER_HOST says nothing', { DOCKER_HOST: '' }, {}, socket],
    ['DOCKER_HOST beats a context', { DOCKER_HOST: 'unix:///run/a.sock', DOCKER_CONTEXT: 'prod' }, prod, '/run/a.sock'],
    ['DOCKER_CONTEXT', { DOCKER_CONTEXT: 'prod' }, prod, '/run/prod.sock'],
    ['DOCKER_CONTEXT beats currentContext', { DOCKER_CONTEXT: 'default' }, { ...prod, ...config('prod') }, socket],
    ['currentContext', {}, { ...prod, ...config('prod') }, '/run/prod.sock'],
    ['currentContext default', {}, config('default'), socket],
    ['a configuration without currentContext', {}, { '/root/.docker/config.json': '{}' }, socket],
    ['DOCKER_CONFIG', { DOCKER_CONFIG: '/etc/d', DOCKER_CONTEXT: 'prod' }, other, '/run/other.sock'],
  ])('%s', (_what, env, files, path) => {
    expect(find(env, files)).toMatchObject({ kind: 'unix', path });
  });

  test.each<[string, Record<string, string>, Record<string, string>, RegExp]>([
    ['an engine over tcp', { DOCKER_HOST: 'tcp://127.0.0.1:2375' }, {}, /over the network/],
    ['an engine over ssh', { DOCKER_HOST: 'ssh://root@host' }, {}, /over the network/],
    ['a relative path', { DOCKER_HOST: 'unix://run/a.sock' }, {}, /absolute/],
    ['no scheme', { DOCKER_HOST: 'localhost:2375' }, {}, /no address/],
    ['another scheme', { DOCKER_HOST: 'npipe:////./pipe/docker' }, {}, /no address/],
    ['a context that is not there', { DOCKER_CONTEXT: 'prod' }, {}, /no Docker context "prod"/],
    [
      'a context of another name',
      { DOCKER_CONTEXT: 'prod' },
      { [metaPath('/root/.docker', 'prod')]: meta('x', 'unix:///a') },
      /names no engine/,
    ],
    [
      'a context without an engine',
      { DOCKER_CONTEXT: 'prod' },
      { [metaPath('/root/.docker', 'prod')]: '{"Name":"prod"}' },
      /names no engine/,
    ],
    [
      'a context that is not JSON',
      { DOCKER_CONTEXT: 'prod' },
      { [metaPath('/root/.docker', 'prod')]: '{' },
      /names no engine/,
    ],
    [
      'a context over ssh',
      { DOCKER_CONTEXT: 'prod' },
      { [metaPath('/root/.docker', 'prod')]: meta('prod', 'ssh://x') },
      /context "prod".*over the network/,
    ],
    ['a configuration that is not JSON', {}, { '/root/.docker/config.json': '{' }, /config\.json/],
    ['currentContext that is no text', {}, { '/root/.docker/config.json': '{"currentContext":1}' }, /config\.json/],
  ])('%s is an error that names the next step', (_what, env, files, message) => {
    const found = find(env, files);
    expect(found).toMatchObject({ kind: 'no-engine', message: expect.stringMatching(message) });
    expect('fix' in found && found.fix.length > 10).toBe(true);
  });

  test('terminal escapes of a context name are not repeated', () => {
    const found = find({ DOCKER_CONTEXT: '\u001b[2J' });
    expect(JSON.stringify(found)).not.toContain('\u001b');
    expect('message' in found && found.message).not.toContain('\u001b');
  });
});
