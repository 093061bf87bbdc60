import type { EpochMs } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import type { Timers } from "../kernel/timers.ts";
import { type ChainHead, type ChainName, type LinkedEntry, linked, newChainName } from "./chain.ts";
import type { Entry } from "./entry.ts";
import type { LedgerStore } from "./ledger-store.ts";

export interface WriterDeps {
  readonly store: LedgerStore;
  readonly timers: Pick<Timers, "delay" | "afterArrivals">;
  readonly random: Random;
  readonly nowMs: () => EpochMs;
  /** What the first entry of a chain says of its writer. */
  readonly writer: object;
  /** Is notified of each batch that was not written, or not in time. */
  readonly failed?: (thrown: unknown, entries: number) => void;
}

/** What became of an entry. */
export type Recorded =
  /** On the disk. `epoch`: see `Appended`. */
  | { readonly kind: "recorded"; readonly epoch: number }
  /** Not written, or not known to be: the store fails or does not answer. */
  | { readonly kind: "unavailable" }
  /** Too many wait already. */
  | { readonly kind: "busy" };

interface Waiting {
  readonly entry: Entry;
  readonly settle: (recorded: Recorded) => void;
}

/** Entries of one transaction. */
const BATCH_MAX = 256;
/** As many as there may be mints at once, twice. */
const QUEUE_MAX = 2_000;
/** How long entries wait for others while the last batch had several. */
const GATHER_MS = 2;
/** How long an entry waits for the disk. A caller of `POST /tokens` waits 5 s. */
const DEADLINE_MS = 2_000;

const UNAVAILABLE: Recorded = { kind: "unavailable" };
const BUSY: Recorded = { kind: "busy" };

/**
 * Writes the chain of this process. Entries that come while a batch is written are the next one: the disk is waited for once for many.
 * After a batch of which it is not known whether it was written, the store is asked where the chain ends.
 */
export class LedgerWriter {
  readonly #deps: WriterDeps;
  #chain: ChainName;
  /** `undefined`: the chain is not begun. */
  #head: ChainHead | undefined;
  #isUnsure = false;
  #isLate = false;
  #queue: Waiting[] = [];
  #running: Promise<void> | undefined;
  #lastBatch = 0;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
    this.#chain = newChainName(deps.random);
  }

  /** The last entry that is known to be written. */
  get head(): ChainHead | undefined {
    return this.#head;
  }

  /** Resolves when the entry is on the disk, or it is known that it will not be waited for any longer. Never rejects. */
  record(entry: Entry): Promise<Recorded> {
    if (this.#isLate) return Promise.resolve(UNAVAILABLE);
    if (this.#queue.length >= QUEUE_MAX) return Promise.resolve(BUSY);
    return new Promise((settle) => {
      this.#queue.push({ entry, settle });
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    });
  }

  /** Resolves when nothing waits to be written. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await this.#gathered();
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, BATCH_MAX);
      this.#lastBatch = batch.length;
      await this.#written(batch);
    }
  }

  /** Those of one turn of the event loop come together; under load those of two milliseconds. */
  async #gathered(): Promise<void> {
    if (this.#lastBatch > 1) await this.#deps.timers.delay(GATHER_MS).over;
    else await this.#deps.timers.afterArrivals();
  }

  async #written(batch: readonly Waiting[]): Promise<void> {
    const { timers, failed } = this.#deps;
    const deadline = timers.delay(DEADLINE_MS);
    const settled = this.#commit(batch.map(({ entry }) => entry)).then(
      (recorded) => recorded,
      (thrown: unknown) => {
        this.#isUnsure = true;
        failed?.(thrown, batch.length);
        return UNAVAILABLE;
      },
    );
    const first = await Promise.race([settled, deadline.over.then(() => "late" as const)]);
    deadline.cancel();
    if (first !== "late") {
      for (const { settle } of batch) settle(first);
      return;
    }
    this.#isLate = true;
    failed?.(new StoreUnavailable("unreachable", "ledger deadline"), batch.length);
    for (const { settle } of [...batch, ...this.#queue.splice(0)]) settle(UNAVAILABLE);
    await settled;
    this.#isLate = false;
  }

  async #commit(entries: readonly Entry[]): Promise<Recorded> {
    const { store, nowMs } = this.#deps;
    if (this.#isUnsure) await this.#lookUpHead();
    const before = this.#head;
    const first: readonly Entry[] = before === undefined ? [await this.#start()] : [];
    const rows: LinkedEntry[] = [];
    let head: ChainHead | ChainName = before ?? this.#chain;
    for (const entry of [...first, ...entries]) {
      const row = linked(head, nowMs(), entry);
      rows.push(row);
      head = row;
    }
    const appended = await store.append({ chain: this.#chain, before, entries: rows });
    if (appended.kind === "forked") {
      // Somebody else wrote to this chain, which no other writer does: it is left as it is, for `ledger verify` to report.
      this.#begin();
      return this.#commit(entries);
    }
    this.#head = rows.at(-1);
    return { kind: "recorded", epoch: appended.epoch };
  }

  /** Whether the last batch was written: its waiters have their answer, the chain goes on from wherever it ends. */
  async #lookUpHead(): Promise<void> {
    this.#head = await this.#deps.store.headOf(this.#chain);
    this.#isUnsure = false;
  }

  #begin(): void {
    this.#chain = newChainName(this.#deps.random);
    this.#head = undefined;
  }

  async #start(): Promise<Entry> {
    const heads = await this.#deps.store.heads();
    const seen = heads.map(({ chain, seq, hash }) => ({ chain, seq, hash }));
    return { kind: "start", facts: { ...this.#deps.writer, heads: seen } };
  }
}
