import type { AddressSet } from '../../ip/address-set.ts';
import type { RuleChanger } from '../../netlink/rule-events.ts';
import type { SeatRules, SenderPlace } from '../../nftables/endpoint-elements.ts';
import type { TableFamily } from '../../nftables/model.ts';

/**
 * What the daemon's two threads say to each other. The main thread decides who may send what; the guard thread watches
 * the kernel and seats newcomers, and must never wait for anything else. All of it is structured-clone data.
 */
export type ToGuard =
  /** What stands now, as a change to what was said before. Sent after the kernel holds it. */
  | {
      readonly kind: 'plan';
      /** Enrolled bridges: all of them, each time; they are few. */
      readonly bridges: readonly GuardedBridge[];
      /** Seats that are new or have changed. */
      readonly seats: readonly PlannedSeat[];
      /** Seats that are no more. */
      readonly gone: readonly { readonly container: string; readonly network: string }[];
      /** Senders that the main thread put into the kernel, or took out, with this plan; those it took out by port. */
      readonly seated: readonly Seated[];
      readonly unseated: readonly number[];
      /** Containers that are new, or whose bridges are others; and those that are no more. Whoever is not among them is unknown. */
      readonly announced: readonly Announced[];
      readonly forgotten: readonly string[];
      /** Indices of the ports that stay barred: all of them, each time. */
      readonly barred: readonly number[];
      /** Indices of the bridges of the engine's networks: all of them, each time. */
      readonly engines: readonly number[];
      /**
       * The highest `serial` that the main thread had taken in when it made what stands now. What the guard did later may
       * have been undone (a refill starts from empty sets), so the guard does it again.
       */
      readonly heard: number;
    }
  /** Nobody can tell who is there: what there is is let be, and who comes from now on is unknown. */
  | { readonly kind: 'blind' }
  /** The engine said that somebody was connected to this network: look, as at a link event. */
  | { readonly kind: 'look'; readonly network: string }
  /** Answered by `pauses`; also how a thread that hangs is found out. */
  | { readonly kind: 'measure' }
  | { readonly kind: 'stop' };

/** A bridge whose ports the guard watches. */
export interface GuardedBridge {
  readonly name: string;
  readonly index: number;
  /** Engine id of its network. */
  readonly network: string;
  /** Where containers may be there: its subnets without the host's addresses; empty while they are not known. */
  readonly places: AddressSet;
  /** Whether sources that nobody knows are dropped there; not so on docker0 while builds are allowed. */
  readonly strict: boolean;
}

/** A container of which the engine has told, whether or not policy has anything to say of it. */
export interface Announced {
  /** Engine id, 64 hex digits. */
  readonly container: string;
  /** Indices of the bridges that it is, or will be, on: its own, or of whose namespace it shares. null: any. */
  readonly bridges: readonly number[] | null;
  /**
   * Whether no policy forbids it anything as far as is known: then it may be on any other, too, as long as no seat of it is judged.
   * Compose connects containers to further networks before they start, of which the engine tells nobody.
   */
  readonly free: boolean;
}

/** Everything but the place: what a container will be on a network. */
export interface PlannedSeat {
  readonly container: string;
  readonly network: string;
  readonly rules: SeatRules;
}

/** A container that stands in the kernel's sets. */
export interface Seated {
  readonly container: string;
  readonly network: string;
  readonly rules: SeatRules;
  readonly place: SenderPlace;
}

/** A bridge that the guard has shut. */
export interface Closed {
  readonly bridge: { readonly name: string; readonly index: number };
  /** A held container was connected to it, and nobody had enrolled it; or it has only just appeared. */
  readonly why: 'connected' | 'new';
}

export type FromGuard =
  /** Both monitors listen; what happens from now on is seen. */
  | { readonly kind: 'ready' }
  /** A newcomer can send. Times are milliseconds of performance.timeOrigin + performance.now(). */
  | {
      readonly kind: 'seated';
      /** Counts what the guard did in the kernel, this, `left`, `closed` and `barred` together, from 1. */
      readonly serial: number;
      readonly seated: Seated;
      /** When the kernel told of the port, and when the elements stood. */
      readonly joined: number;
      readonly stood: number;
      /** Ports whose elements were deleted in the same batch, because they held one of its addresses. */
      readonly replaced: readonly number[];
    }
  /** A known port is gone, and so are its elements. */
  | { readonly kind: 'left'; readonly serial: number; readonly port: number }
  /** A port joined an enrolled bridge and nobody with a seat could be found for it in time. */
  | {
      readonly kind: 'stranger';
      readonly bridge: string;
      readonly port: { readonly name: string; readonly index: number };
    }
  /** Nobody passes a bridge any more, until the main thread has said what is to become of it. */
  | ({ readonly kind: 'closed'; readonly serial: number } & Closed)
  /**
   * Nothing passes from a port any more, because a container sends by it of which nobody has told, or not that it is on this
   * bridge; until the main thread says what is to become of it.
   */
  | {
      readonly kind: 'barred';
      readonly serial: number;
      readonly port: { readonly name: string; readonly index: number };
      readonly container: string;
    }
  /** A barred port is gone. */
  | { readonly kind: 'unbarred'; readonly serial: number; readonly port: number }
  /** There are more folders of control groups than are, or can be, watched, so that who joins somebody is looked for all the time. */
  | { readonly kind: 'crowded' }
  /** A bridge came or went. */
  | { readonly kind: 'bridges'; readonly name: string; readonly index: number; readonly there: boolean }
  /** A transaction touched our tables, and the guard did not make it; `at` is in milliseconds of uptime.ts. */
  | { readonly kind: 'rules'; readonly tables: readonly TableFamily[]; readonly by: RuleChanger; readonly at: number }
  /** The kernel dropped messages (ENOBUFS): anything may have happened. */
  | { readonly kind: 'lost'; readonly what: 'links' | 'rules' }
  /**
   * The elements could not be set: a newcomer is denied until the next plan, when it is tried again; somebody who left
   * still has them.
   */
  | { readonly kind: 'failed'; readonly container: string; readonly network: string; readonly reason: string }
  /** The guard cannot go on: its thread ends, and whoever started it starts another one. */
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'pauses'; readonly pauses: Pauses };

/** How long the guard was kept from the next thing to do, in milliseconds, since its start or the last `measure`. */
export interface Pauses {
  /** Things it did without letting go, such as seating somebody. */
  readonly turns: number;
  readonly longestTurn: number;
  readonly p99Turn: number;
  /** How late the latest of its timers was, a millisecond being what timers have as their grain. */
  readonly latestTimer: number;
  /** Longest collection of garbage, which is part of whatever it interrupted. */
  readonly longestCollection: number;
  /** Bytes of heap in use. */
  readonly heap: number;
}
