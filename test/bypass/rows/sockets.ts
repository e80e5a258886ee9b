import { until } from '../../../lab/exec.ts';
import { freshToken } from '../../../lab/probe.ts';
import { places } from '../../../lab/world.ts';
import type { Held, Row } from '../row.ts';
import { request, runBeside, sayTo, withPrograms } from '../run-in.ts';

const mayNothing = (name: string): Held => ({
  policy: `version: 1\ncontainers: { ${name}: { allow: none } }\n`,
  allowed: [],
});

export const controlSocket: Row = {
  number: 51,
  title: "Sluice's own control socket",
  tries: 'A container that has the socket asks the daemon as root does. It listens on nothing else: no port, no name.',
  is: {
    state: 'told',
    code: 'sluice-shared',
    names: /^clerk: /,
    under: mayNothing('clerk'),
    prepare: async ({ site }) => {
      const daemon = await site.host.daemon();
      await runBeside(site, 'clerk', [...withPrograms, '-v', '/run/sluice:/run/sluice:ro']);
      return async () => {
        await site.host.docker('rm', '-f', 'clerk');
        await daemon.stop();
      };
    },
    attempt: async ({ site }) => {
      const answer = await sayTo(site, 'clerk', '/run/sluice/sluice.sock', request('GET', '/v1/status'));
      return [{ what: 'clerk: GET /v1/status', at: answer.startsWith('HTTP/1.1 200 ') ? ['the daemon'] : [] }];
    },
  },
};

/** Sends each line that it is told at its socket to the private host. */
const agent = `
  use Socket;
  my ($path, $to, $port) = @ARGV;
  socket(my $in, PF_UNIX, SOCK_STREAM, 0) or die $!;
  bind($in, sockaddr_un($path)) or die $!;
  listen($in, 5) or die $!;
  socket(my $out, PF_INET, SOCK_DGRAM, 0) or die $!;
  $| = 1;
  print "ready\n";
  while (accept(my $from, $in)) {
    sysread($from, my $words, 1000);
    send($out, $words, 0, sockaddr_in($port, inet_aton($to)));
    close($from);
  }
`;

export const hostsAgent: Row = {
  number: 59,
  title: 'a unix socket of a program that nothing holds',
  tries: 'A proxy, an agent or a bus of the host, by its socket in a shared folder: what it sends, the host sends.',
  is: {
    state: 'told',
    code: 'host-socket',
    names: /^caller: /,
    under: mayNothing('caller'),
    prepare: async ({ site }) => {
      const { host } = site;
      const words = ['/usr/bin/perl', '-e', agent, '/run/agent.sock', places.private.v4, '514'];
      const program = host.spawn(words);
      const ended = new Promise((resolve) => program.once('exit', resolve));
      await new Promise<void>((resolve, reject) => {
        program.stdout.once('data', () => resolve());
        program.once('exit', () => reject(new Error('the agent does not listen')));
      });
      await runBeside(site, 'caller', [...withPrograms, '-v', '/run/agent.sock:/agent.sock']);
      return async () => {
        program.kill('SIGKILL');
        await ended;
        await host.docker('rm', '-f', 'caller');
        await host.must(['rm', '-f', '/run/agent.sock']);
      };
    },
    attempt: async ({ site }) => {
      const token = freshToken();
      await sayTo(site, 'caller', '/agent.sock', token);
      await until('the agent has sent', async () => ((await site.private.saw(token)) ? true : undefined));
      return [{ what: `caller → ${places.private.v4}:514/udp by the host's agent`, at: ['private'] }];
    },
  },
};
