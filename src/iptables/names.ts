/** Names in the kernel: a chain's may have 28 characters (XT_EXTENSION_MAXNAMELEN), a set's 31 (IPSET_MAXNAMELEN). */

/** The chain of ours that each table has. */
export const mainChain = 'DOCKER-OUTBOUND-FILTER';
/** The one of ebtables that demands a judgement. */
export const witnessChain = `${mainChain}-POST`;
/** The one of ebtables for what the bridge hands up by itself. */
export const linkLocalChain = `${mainChain}-LL`;
/** With what the names of all our chains begin. */
export const chainPrefix = 'DOCKER-OUTBOUND-';
/** The one of ebtables that sets the mark of the proof. */
export const provenChain = `${chainPrefix}proven`;
/** With what the names of all our sets begin. */
export const setPrefix = 'sluice-';

const longestChain = 28;
const longestSet = 26; // and a dot, and a generation of four

/** Gives what stands for a ruleset its names in the kernel; two never share one, whatever they are called. */
export class Names {
  readonly #known = new Map<string, string>();
  readonly #used = new Set<string>();
  #era = 0;

  chain(name: string): string {
    return this.#name(chainPrefix, name, longestChain);
  }

  /** Without its generation. */
  set(name: string): string {
    return this.#name(setPrefix, name, longestSet);
  }

  /** How often names were forgotten: what was called something before may be called otherwise since. */
  get era(): number {
    return this.#era;
  }

  /** How many are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /**
   * Forgets what does not stand, once there is more of that than of what does: each port that ever was has names.
   *
   * @param standing names in the kernel
   */
  forgetBeside(standing: ReadonlySet<string>): void {
    if (this.#known.size < 2 * standing.size + 1_000) return;
    this.#era++;
    for (const [id, fit] of this.#known) {
      if (standing.has(fit)) continue;
      this.#known.delete(id);
      this.#used.delete(fit);
    }
  }

  #name(prefix: string, name: string, longest: number): string {
    const id = `${prefix} ${name}`;
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    let fit = fitted(prefix, name, longest);
    for (let salt = '+'; this.#used.has(fit); salt += '+') fit = fitted(prefix, name, longest, salt);
    this.#known.set(id, fit);
    this.#used.add(fit);
    return fit;
  }
}

/** A set as it stands in the kernel: sets are made anew beside those that rules use, and rules change to them at once. */
export function withGeneration(name: string, generation: number): string {
  return `${name}.${generation.toString(36)}`;
}

/** The generation of a set's name in the kernel; null when it is none of ours. */
export function generationOf(name: string): { readonly base: string; readonly generation: number } | null {
  const found = /^(sluice-.*)\.([0-9a-z]{1,4})$/.exec(name);
  return found === null ? null : { base: found[1] as string, generation: Number.parseInt(found[2] as string, 36) };
}

/** One more than any that stands; after the last one the first that is free. */
export function nextGeneration(standing: Iterable<number>): number {
  const used = new Set(standing);
  let next = used.size === 0 ? 0 : Math.max(...used) + 1;
  if (next >= 36 ** 4) next = 0;
  while (used.has(next)) next++;
  return next;
}

/** The name itself where it fits, else its first letters and a digest. */
function fitted(prefix: string, name: string, longest: number, salt = ''): string {
  if (!/^[A-Za-z][A-Za-z0-9_./-]{0,255}$/.test(name)) throw new TypeError(`not a name: ${JSON.stringify(name)}`);
  const room = longest - prefix.length;
  if (name.length <= room && salt === '') return `${prefix}${name}`;
  const tail = digest(`${name}${salt}`).slice(-10);
  const head = name.replaceAll(/[^A-Za-z0-9]/g, '').slice(0, room - tail.length - 1);
  return `${prefix}${head}.${tail}`;
}

/** FNV-1a, 64 bits, in base 36. */
export function digest(content: string): string {
  let hash = 0xcbf29ce484222325n;
  for (let at = 0; at < content.length; at++) {
    hash ^= BigInt(content.charCodeAt(at));
    hash = BigInt.asUintN(64, hash * 0x100000001b3n);
  }
  return hash.toString(36).padStart(13, '0');
}
