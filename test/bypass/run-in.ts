/** Containers with programs of the host in them, and what they ask of its sockets. */
import { until } from '../../lab/exec.ts';
import type { Site } from '../../lab/site.ts';

/** Arguments of `docker run` that show a container the host's programs and their libraries, for reading. */
export const withPrograms = ['/usr', '/lib', '/lib64'].flatMap((path) => ['-v', `${path}:${path}:ro`]);

/** Starts a container beside the projects that stays, and waits until it has its addresses. */
export async function runBeside(site: Site, name: string, args: readonly string[]): Promise<void> {
  await site.host.docker('run', '-d', '--name', name, ...args, 'lab/app', 'tcp', '9999');
  await addressesOf(site, name);
}

/** Waits until all its addresses can be used: IPv6 ones are tentative for a second or two. */
export async function addressesOf({ host }: Site, who: string): Promise<void> {
  await until(`addresses of ${who}`, async () => {
    const { stdout } = await host.inNetworkOf(who, ['ip', '-6', 'addr', 'show', 'tentative']);
    return stdout === '' ? true : undefined;
  });
}

const speak = `
  use Socket;
  my ($path, $words) = @ARGV;
  socket(my $to, PF_UNIX, SOCK_STREAM, 0) or die $!;
  connect($to, sockaddr_un($path)) or die "$path: $!";
  syswrite($to, $words);
  while (sysread($to, my $part, 65536)) { print $part }
`;

/** Says something at a unix socket from inside of a container of {@link withPrograms}; answers with what came back. */
export async function sayTo(site: Site, who: string, socket: string, words: string): Promise<string> {
  const done = await site.host.exec(who, ['/usr/bin/perl', '-e', speak, socket, words], { timeout: 30_000 });
  if (done.code !== 0) throw new Error(`${who} cannot speak to ${socket}: ${done.stderr}`);
  return done.stdout;
}

/** A request in HTTP whose answer ends the connection. */
export function request(method: string, path: string, body = ''): string {
  const type = body === '' ? '' : 'Content-Type: application/json\r\n';
  const length = `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: sluice\r\n${type}${length}Connection: close\r\n\r\n${body}`;
}
