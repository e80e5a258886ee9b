import type { XtablesOptions } from './backend.ts';
import { must } from './command.ts';
import { mainChain } from './names.ts';
import { parseSave } from './save.ts';

/** Names of the bridge ports whose frames ebtables proves. */
export async function provenPorts({ run, tools }: XtablesOptions): Promise<ReadonlySet<string>> {
  const nat = parseSave(await must(run, tools.ebtables.save, [])).get('nat');
  const ports = new Set<string>();
  if (nat?.rules.get('PREROUTING')?.includes(`-j ${mainChain}`) !== true) return ports;
  const follow = (chain: string) => {
    for (const rule of nat.rules.get(chain) ?? []) {
      const [, port, to] = /^-i (\S+) -j (DOCKER-OUTBOUND-\S+)$/.exec(rule) ?? [];
      if (port === undefined || to === undefined) continue;
      if (port.endsWith('+')) follow(to);
      else ports.add(port);
    }
  };
  follow(mainChain);
  return ports;
}
