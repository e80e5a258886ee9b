/** Rules that are loaded once and then put to sleep and woken, which takes milliseconds and leaves the rest as it was. */
import type { Host } from '../lab/host.ts';
import { printTable } from '../src/nftables/print-table.ts';
import { renderRuleset } from '../src/nftables/render.ts';
import { compile } from '../src/ruleset/compile.ts';
import type { Ruleset } from '../src/ruleset/ruleset.ts';
import { type Anchor, instant, policyOf, policyTexts, type Size, worldOf } from './scene.ts';

/** The text of both of our tables for a scene. */
export function ourText(size: Size, anchor: Anchor): string {
  return textOf(policyTexts(size), size.workloads, anchor);
}

/** The same for a policy of one's own. */
export function textOf(policy: readonly string[], workloads: number, anchor: Anchor): string {
  return textOfRuleset(rulesetOf(policy, workloads, anchor));
}

export function textOfRuleset(ruleset: Ruleset): string {
  return renderRuleset(ruleset).map(printTable).join('\n');
}

/** A policy compiled for a scene. */
export function rulesetOf(policy: readonly string[], workloads: number, anchor: Anchor): Ruleset {
  const { ruleset } = compile(policyOf(policy), worldOf(workloads, anchor), instant);
  if (ruleset.unheld.length > 0 || ruleset.endpoints.length !== workloads)
    throw new Error(`${ruleset.endpoints.length} of ${workloads} containers are held`);
  return ruleset;
}

/** Rules that can be put to sleep without being unloaded. */
export interface Waking {
  wake(): Promise<void>;
  sleep(): Promise<void>;
}

/** Tables that sleep (nft's `flags dormant`) until they are woken. */
export class Rules implements Waking {
  readonly #host: Host;
  readonly #tables: readonly string[];

  private constructor(host: Host, tables: readonly string[]) {
    this.#host = host;
    this.#tables = tables;
  }

  /** @param text tables named `sluice`; they are loaded under `name` instead */
  static async load(host: Host, name: string, text: string): Promise<Rules> {
    const header = /^table (\w+) sluice \{/gm;
    await host.nft(text.replaceAll(header, `table $1 ${name} {\n\tflags dormant;`));
    return new Rules(
      host,
      [...text.matchAll(header)].map(([, family]) => `${family} ${name}`),
    );
  }

  async wake(): Promise<void> {
    await this.#host.nft(this.#tables.map((table) => `table ${table} { }\n`).join(''));
  }

  async sleep(): Promise<void> {
    await this.#host.nft(this.#tables.map((table) => `table ${table} { flags dormant; }\n`).join(''));
  }
}
