import type { Context } from '../context.ts';
import type { Exit } from '../exit.ts';
import type { Given } from '../given.ts';
import { safe } from '../text.ts';
import { versionLine } from '../version-line.ts';

/** `sluice version`: what it is; with --verbose also what it stands on, as far as that answers. */
export async function version({ settings, ports, screen }: Context, given: Given): Promise<Exit> {
  const { versions } = ports;
  const own = { command: 'version', version: 1, sluice: versions.sluice, commit: versions.commit };
  if (!given.flag('verbose')) {
    screen.show(own, () => [versionLine(versions)]);
    return 'ok';
  }
  const engine = await answerOf(async () => {
    const found = await ports.engine(settings.host);
    const { version: number, apiVersion } = await found.version();
    return `${number} (API ${apiVersion}) at ${found.address}`;
  });
  const nft = await answerOf(() => ports.kernel.nftVersion());
  screen.show({ ...own, node: versions.node, kernel: versions.kernel, engine, nft }, ({ paint }) => {
    const line = (name: string, { answer, error }: Answer) =>
      `${name.padEnd(8)}${answer === null ? paint.doubtful(`unknown: ${safe(error ?? '')}`) : safe(answer)}`;
    const plain = (answer: string): Answer => ({ answer, error: null });
    return [
      versionLine(versions),
      line('node', plain(versions.node)),
      line('kernel', plain(versions.kernel)),
      line('engine', engine),
      line('nft', nft),
    ];
  });
  return 'ok';
}

interface Answer {
  readonly answer: string | null;
  readonly error: string | null;
}

/** An answer or why there is none: a bug report must come about on a broken host, too. */
async function answerOf(ask: () => Promise<string>): Promise<Answer> {
  try {
    return { answer: await ask(), error: null };
  } catch (error) {
    return { answer: null, error: error instanceof Error ? error.message : String(error) };
  }
}
