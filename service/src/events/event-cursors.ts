import type { EpochSeconds } from "../kernel/clock.ts";
import type { EventPosition } from "./event-position.ts";

/** Names a process that sends events, for as long as it runs. */
export type Holder = string;

/** Why a try failed: a code of `fetch-document.ts`, or `answered`, and then what was answered. */
export interface DeliveryFault {
  readonly reason: string;
  readonly status: number | undefined;
}

/** Where a receiver is, and how it is doing. Moments are the store's. */
export interface ReceiverState {
  readonly receiver: string;
  readonly position: EventPosition;
  /** Tries that failed since the last event that it accepted. */
  readonly failures: number;
  /** Of the first of them; `undefined`: there is none. */
  readonly failingSince: EpochSeconds | undefined;
  /** Why the last of them failed. */
  readonly fault: DeliveryFault | undefined;
  /** Not before this moment it is tried again. */
  readonly nextTryAt: EpochSeconds;
  /** How many of its events were given up and not replayed since. */
  readonly dead: number;
  /** When the store was asked. */
  readonly now: EpochSeconds;
}

/** `held`: another process sends to it. */
export type Claimed = { readonly kind: "claimed" | "held"; readonly state: ReceiverState };

/** What becomes of a receiver after a try. */
export interface Settled {
  /** The next event: the same one after a failure. */
  readonly position: EventPosition;
  readonly failures: number;
  readonly failingSince: EpochSeconds | undefined;
  readonly fault: DeliveryFault | undefined;
  readonly waitSeconds: number;
  /** Of an event that is given up, and becomes a dead letter; `undefined`: it is not. */
  readonly dead: Pick<DeadLetter, "failures" | "fault"> | undefined;
}

/** An event that was given up. */
export interface DeadLetter {
  readonly receiver: string;
  readonly position: EventPosition;
  /** When it was given up. */
  readonly at: EpochSeconds;
  readonly failures: number;
  readonly fault: DeliveryFault;
}

/** Which dead letters: those after this one, by receiver, revocation and part. */
export interface DeadAfter {
  readonly receiver: string;
  readonly epoch: number;
  readonly part: number;
}

/**
 * Port. Where each receiver is. Every adapter passes `testing/contracts/event-cursors-contract.ts`. Each method is one transaction and
 * rejects with `StoreUnavailable`.
 */
export interface EventCursors {
  /**
   * Takes a receiver for some seconds, or goes on with it: of several processes one sends at a time. All ask for as many: one that is held
   * for more was taken while the clock was ahead, and is free. One that is new begins with the revocation `start`.
   */
  claim(receiver: string, holder: Holder, seconds: number, start: number): Promise<Claimed>;
  /** Records the end of a try. `undefined`: the receiver was taken by another process meanwhile, and nothing is changed. */
  settle(
    receiver: string,
    holder: Holder,
    from: EventPosition,
    settled: Settled,
  ): Promise<ReceiverState | undefined>;
  /** Lets others take it. Nothing happens when it is no longer held. */
  release(receiver: string, holder: Holder): Promise<void>;
  /** All receivers that there ever were, by name. */
  states(): Promise<readonly ReceiverState[]>;
  /** The events that were given up, of one receiver or of all, in their order, at most `limit`. */
  dead(
    receiver: string | undefined,
    after: DeadAfter | undefined,
    limit: number,
  ): Promise<readonly DeadLetter[]>;
  /** Forgets a dead letter, which its receiver has now; `false`: it is gone already. */
  forget(receiver: string, position: EventPosition): Promise<boolean>;
}
