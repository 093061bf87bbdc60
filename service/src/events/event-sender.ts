import { StoreUnavailable } from "../kernel/store-faults.ts";
import type { ReceiverState } from "./event-cursors.ts";
import type { EventReceiver } from "./receiver.ts";
import { type SendDeps, sendPending } from "./send-pending.ts";

/** How a receiver is doing, as this process knows it. */
export interface ReceiverFigures {
  readonly receiver: string;
  /** Revocations that it has not got. */
  readonly behind: number;
  /** Since when it has not got everything. */
  readonly lagSeconds: number;
  readonly dead: number;
}

export interface EventSenderDeps extends SendDeps {
  /** Those of now. */
  readonly receivers: () => readonly EventReceiver[];
  /** A fault that is not the receiver's. */
  readonly faulted: (receiver: string, thrown: unknown) => void;
}

/** How often the store is asked where receivers are to whom another process sends. */
const LOOK_EVERY_SECONDS = 10;
/** After a fault of the store. */
const FAULT_SECONDS = 2;

/** What is known of one receiver. */
interface Known {
  state: ReceiverState | undefined;
  /** Under way. */
  round: Promise<void> | undefined;
  /** By the stopwatch. */
  notBefore: number;
  /** Since when it is behind, by the stopwatch; `undefined`: it has everything. */
  behindSince: number | undefined;
}

/** Sends events to all receivers, independently of each other: one that is slow holds up none. */
export class EventSender {
  readonly #deps: EventSenderDeps;
  readonly #known = new Map<string, Known>();
  #isStopping = false;
  #nextLook = 0;

  constructor(deps: EventSenderDeps) {
    this.#deps = deps;
  }

  /** Begins a round of each receiver that may have something to get and has none under way. Never rejects. */
  async look(): Promise<void> {
    if (this.#isStopping || this.#deps.lastEpoch() < 0) return;
    const receivers = this.#deps.receivers();
    for (const name of this.#known.keys())
      if (!receivers.some((receiver) => receiver.name === name)) this.#known.delete(name);
    for (const receiver of receivers) this.#lookAt(receiver);
    await this.#learn();
  }

  /** Begins no try any more, and waits for those under way. */
  async close(): Promise<void> {
    this.#isStopping = true;
    await this.idle();
  }

  /** Resolves when the rounds that are under way have ended. Never rejects. */
  async idle(): Promise<void> {
    for (const { round } of this.#known.values()) await round;
  }

  figures(): readonly ReceiverFigures[] {
    const now = this.#deps.stopwatch.elapsed();
    return this.#deps.receivers().map(({ name }) => {
      const known = this.#known.get(name);
      const { state, behindSince } = known ?? {};
      return {
        receiver: name,
        behind: behindOf(state, this.#deps.lastEpoch()),
        lagSeconds: behindSince === undefined ? 0 : now - behindSince,
        dead: state?.dead ?? 0,
      };
    });
  }

  #lookAt(receiver: EventReceiver): void {
    const { stopwatch, lastEpoch } = this.#deps;
    const known = this.#knownOf(receiver.name);
    const now = stopwatch.elapsed();
    // One that is new is noted in the store at once: it begins with the revocations of now.
    const hasMore = known.state === undefined || behindOf(known.state, lastEpoch()) > 0;
    known.behindSince = hasMore ? (known.behindSince ?? now) : undefined;
    if (!hasMore || known.round !== undefined || now < known.notBefore) return;
    known.round = this.#run(receiver, known).finally(() => {
      known.round = undefined;
    });
  }

  async #run(receiver: EventReceiver, known: Known): Promise<void> {
    const { stopwatch, faulted } = this.#deps;
    try {
      const { state, waitSeconds } = await sendPending(this.#deps, receiver, () => this.#isStopping);
      known.state = state;
      known.notBefore = stopwatch.elapsed() + waitSeconds;
    } catch (thrown) {
      known.notBefore = stopwatch.elapsed() + FAULT_SECONDS;
      faulted(receiver.name, thrown);
    }
  }

  /** What other processes did. */
  async #learn(): Promise<void> {
    const now = this.#deps.stopwatch.elapsed();
    if (now < this.#nextLook) return;
    this.#nextLook = now + LOOK_EVERY_SECONDS;
    try {
      for (const state of await this.#deps.cursors.states()) {
        const known = this.#known.get(state.receiver);
        if (known !== undefined && known.round === undefined) known.state = state;
      }
    } catch (thrown) {
      // The rounds report a store that fails.
      if (!(thrown instanceof StoreUnavailable)) throw thrown;
    }
  }

  #knownOf(name: string): Known {
    const known = this.#known.get(name) ?? {
      state: undefined,
      round: undefined,
      notBefore: 0,
      behindSince: undefined,
    };
    this.#known.set(name, known);
    return known;
  }
}

function behindOf(state: ReceiverState | undefined, lastEpoch: number): number {
  return state === undefined ? 0 : Math.max(0, lastEpoch + 1 - state.position.epoch);
}
