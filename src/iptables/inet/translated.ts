import type { Family } from '../../ip/address.ts';
import type { Chain, NftSet } from '../../nftables/model.ts';
import type { XChain } from '../model.ts';
import type { Names } from '../names.ts';
import { type Translation, translateChain } from '../translate.ts';

/** What a chain came to, and what that depended on. */
interface Translated {
  readonly era: number;
  /** What accepting and refusing came to. */
  readonly verdicts: string;
  readonly sets: ReadonlyMap<string, NftSet>;
  /** Asks again for whatever has to stand for it. */
  readonly askAgain: readonly Question<unknown>[];
  readonly chain: XChain;
}

/** A chain without family in its name is one of each. */
type Known = Readonly<Record<Family, WeakMap<Chain, Translated>>>;

/** By the names that were given: what stands, and what is written down for the next start, have names of their own. */
const knownBy = new WeakMap<Names, Known>();

/** The same as {@link translateChain}, once for each chain: of a thousand programs one at most is new at a time. */
export function translatedChain(chain: Chain, t: Translation): XChain {
  const known = (knownBy.get(t.names) ?? nothingKnown(t.names))[t.family];
  const before = known.get(chain);
  const verdicts = JSON.stringify([t.accept, t.refuse, t.decided]);
  if (before !== undefined && before.verdicts === verdicts && isStill(before, t)) {
    for (const ask of before.askAgain) ask(t);
    return before.chain;
  }
  const notes = new Notes(t);
  const made = translateChain(chain, notes.translation);
  const { isOfChain, sets, askAgain } = notes;
  if (isOfChain) known.set(chain, { era: t.names.era, verdicts, sets, askAgain, chain: made });
  return made;
}

function nothingKnown(names: Names): Known {
  const known = { 4: new WeakMap<Chain, Translated>(), 6: new WeakMap<Chain, Translated>() };
  knownBy.set(names, known);
  return known;
}

function isStill({ era, sets }: Translated, t: Translation): boolean {
  return era === t.names.era && [...sets].every(([name, set]) => t.setOf(name) === set);
}

// Questions that are kept with a chain: made here, where they hold nothing but what they ask for. A translation has
// everything of its ruleset.
type Question<Answer> = (of: Translation) => Answer;
const lookupsOf =
  (name: string): Question<ReturnType<Translation['lookups']>> =>
  (of) =>
    of.lookups(name);
const sentTo =
  (name: string, parts: Parameters<Translation['sentTo']>[1]): Question<string> =>
  (of) =>
    of.sentTo(name, parts);
const someAddresses =
  (parts: Parameters<Translation['someAddresses']>[0]): Question<string> =>
  (of) =>
    of.someAddresses(parts);

/** Notes what a translation asks for. */
class Notes {
  readonly sets = new Map<string, NftSet>();
  readonly askAgain: Question<unknown>[] = [];
  /** Whether it depends on nothing but the chain and those sets: interfaces and senders come and go. */
  isOfChain = true;
  readonly translation: Translation;

  constructor(t: Translation) {
    const setOf = (name: string) => {
      const set = t.setOf(name);
      this.sets.set(name, set);
      return set;
    };
    const asking = <Answer>(ask: Question<Answer>): Answer => {
      this.askAgain.push(ask);
      return ask(t);
    };
    const others = <T>(answer: T): T => {
      this.isOfChain = false;
      return answer;
    };
    this.translation = {
      ...t,
      setOf,
      lookups: (name) => {
        setOf(name);
        return asking(lookupsOf(name));
      },
      sentTo: (name, to) => asking(sentTo(name, to)),
      someAddresses: (parts) => asking(someAddresses(parts)),
      interfaces: (name) => others(t.interfaces(name)),
      perInterface: (map) => others(t.perInterface(map)),
      perSender: (map) => others(t.perSender(map)),
    };
  }
}
