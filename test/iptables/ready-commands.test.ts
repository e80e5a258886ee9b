import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { commandStarter, type StartCommand, XtablesError } from '../../src/iptables/command.ts';
import { ReadyCommands } from '../../src/iptables/ready-commands.ts';

/** Says its process id and what it was told. */
const saying = ['-c', 'echo $$; cat'] as const;

function ready() {
  const started: number[] = [];
  const running = new Set<number>();
  const commands = new ReadyCommands(
    commandStarter((pid) => {
      started.push(pid);
      running.add(pid);
      return () => running.delete(pid);
    }),
  );
  onTestFinished(() => commands[Symbol.dispose]());
  const say = async (input: string) => {
    const answer = await commands.run('sh', saying, input);
    const [pid, ...said] = answer?.stdout.split('\n') ?? [];
    return { pid: Number(pid), said: said.join('\n'), code: answer?.code };
  };
  return { commands, started, running, say };
}

test('a command that is kept has been started before it is asked for', async () => {
  const { commands, started, say } = ready();
  commands.keep('sh', saying);
  expect(started).toHaveLength(1);
  expect(await say('one')).toEqual({ pid: started[0], said: 'one', code: 0 });
});

test('each is used once, and another one takes its place', async () => {
  const { commands, started, say } = ready();
  commands.keep('sh', saying);
  const told = [await say('one')];
  await expect.poll(() => started.length).toBe(2);
  told.push(await say('two'));
  expect(told).toEqual([
    { pid: started[0], said: 'one', code: 0 },
    { pid: started[1], said: 'two', code: 0 },
  ]);
});

test('who comes while it is in use gets one of his own', async () => {
  const { commands, started, running, say } = ready();
  commands.keep('sh', saying);
  const told = await Promise.all(['one', 'two', 'three'].map(say));
  expect(told.map(({ said }) => said)).toEqual(['one', 'two', 'three']);
  expect(new Set(told.map(({ pid }) => pid)).size).toBe(3);
  // and one waits again, no more
  await expect.poll(() => [started.length, running.size]).toEqual([4, 1]);
});

test('one that somebody killed while it waited is not used', async () => {
  const { commands, started, running, say } = ready();
  commands.keep('sh', saying);
  process.kill(started[0] as number, 'SIGKILL');
  await expect.poll(() => running.size).toBe(0);
  expect(await say('one')).toEqual({ pid: started[1], said: 'one', code: 0 });
});

test('commands that are not kept are started when they are asked for', async () => {
  const { commands, started, say } = ready();
  commands.keep('cat', []);
  expect(await say('one')).toMatchObject({ pid: started[1], said: 'one' });
});

test('in the end what waits ends, having read nothing, and none comes after it', async () => {
  const { commands, started, running, say } = ready();
  commands.keep('sh', saying);
  commands[Symbol.dispose]();
  await expect.poll(() => running.size).toBe(0);
  expect(await say('one')).toMatchObject({ said: 'one' });
  await sleep(20);
  expect([started.length, running.size]).toEqual([2, 0]);
});

test('one that is not on this host answers as ever, kept or not', async () => {
  const { commands } = ready();
  commands.keep('no-such-program', []);
  expect(await commands.run('no-such-program', [])).toBeNull();
});

test('a program that cannot be run is an error for who asks, and only for him', async () => {
  const cannot: StartCommand = () => ({
    ended: true,
    answer: () => Promise.reject(new XtablesError('sh could not be run: EAGAIN')),
  });
  const commands = new ReadyCommands(cannot);
  commands.keep('sh', saying);
  await expect(commands.run('sh', saying, 'one')).rejects.toThrow('EAGAIN');
  commands[Symbol.dispose]();
});
