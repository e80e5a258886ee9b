/** What stands on the host at the moment, changed with as little as possible. */
import type { Ground } from './ground.ts';
import type { Waking } from './rules.ts';

/** Who hands the bridge's frames to inet's hooks: the host's sysctl, the bridge's own switch, or nobody. */
export type Filtered = Parameters<Ground['bridgeNetfilter']>[0];

export class Stage {
  readonly #ground: Ground;
  #awake: readonly Waking[] = [];
  #filtered: Filtered | undefined;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  /** Leaves exactly these rules awake. */
  async set(rules: readonly Waking[], filtered: Filtered): Promise<void> {
    for (const one of this.#awake) if (!rules.includes(one)) await one.sleep();
    for (const one of rules) if (!this.#awake.includes(one)) await one.wake();
    if (this.#filtered !== filtered) await this.#ground.bridgeNetfilter(filtered);
    this.#awake = rules;
    this.#filtered = filtered;
  }
}
