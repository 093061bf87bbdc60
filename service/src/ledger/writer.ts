import type { Stopwatch } from "../kernel/clock.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import type { Timers } from "../kernel/timers.ts";
import type { ChainHead } from "./chain.ts";
import { type ChainDeps, ChainEnd } from "./chain-end.ts";
import type { Entry, EntryKind } from "./entry.ts";

export interface WriterDeps extends ChainDeps {
  readonly timers: Pick<Timers, "delay" | "afterArrivals">;
  readonly stopwatch: Stopwatch;
}

/** What became of an entry. */
export type Recorded =
  /** On the disk. `epoch`: see `Appended`. */
  | { readonly kind: "recorded"; readonly epoch: number }
  /** Not written, or not known to be: the store fails or does not answer. */
  | { readonly kind: "unavailable" }
  /** Too many wait already. */
  | { readonly kind: "busy" };

/** Port. Is notified of what a writer does. */
export interface WriterWatch {
  /** A batch is on the disk, so long after it was begun. */
  written(kinds: readonly EntryKind[], seconds: number): void;
  /** A batch was not written, or not in time. */
  failed(thrown: unknown, entries: number): void;
  /** An entry that nobody waits for found no place. */
  lost(kind: EntryKind): void;
}

/** How a writer is doing. */
export interface WriterStatus {
  /** The last entry that is known to be written. */
  readonly head: ChainHead | undefined;
  /** How many entries are not on the disk yet. */
  readonly waiting: number;
  /** Seconds since a batch was last written; `undefined`: none was. */
  readonly writtenAgo: number | undefined;
  /** Whether the store does not take entries in time now. */
  readonly isFailing: boolean;
}

interface Waiting {
  readonly entry: Entry;
  /** When it came, on the stopwatch. */
  readonly since: number;
  /** `undefined`: nobody waits, and the entry is kept until it is written. */
  readonly settle: ((recorded: Recorded) => void) | undefined;
}

/** Entries of one transaction. */
const BATCH_MAX = 256;
/** Entries that are waited for: as many as there may be mints at once, twice. */
const WAITED_MAX = 2_000;
/** Entries that nobody waits for: about 10 MB. */
const KEPT_MAX = 10_000;
/** How long entries wait for others while the last batch had several. */
const GATHER_MS = 2;
/** How long an entry is waited for. A caller of `POST /tokens` waits 5 s. */
const DEADLINE_MS = 2_000;
/** Between two tries when nobody waits. */
const PAUSE_MS = 250;

const UNAVAILABLE: Recorded = { kind: "unavailable" };
const BUSY: Recorded = { kind: "busy" };

/**
 * Writes the chain of this process. Entries that come while a batch is written are the next one: the disk is waited for once for many.
 * An entry is either waited for, for two seconds, or kept until it is written. Memory is bounded: what finds no place is counted, and an
 * entry `lost` says how much it was.
 */
export class LedgerWriter {
  readonly #timers: WriterDeps["timers"];
  readonly #stopwatch: Stopwatch;
  readonly #end: ChainEnd;
  readonly #lost = new Map<EntryKind, number>();
  readonly #watches: WriterWatch[] = [];
  #queue: Waiting[] = [];
  #kept = 0;
  /** Kept entries of the batch of which it is not known whether it was written. */
  #inDoubt: ReadonlySet<Waiting> = new Set();
  #isLate = false;
  #hasFailed = false;
  #running: Promise<void> | undefined;
  #lastBatch = 0;
  #lastWritten: number | undefined;
  #wake: () => void = () => undefined;

  constructor(deps: WriterDeps) {
    this.#timers = deps.timers;
    this.#stopwatch = deps.stopwatch;
    this.#end = new ChainEnd(deps);
  }

  /** The last entry that is known to be written. */
  get head(): ChainHead | undefined {
    return this.#end.head;
  }

  get status(): WriterStatus {
    const { head } = this.#end;
    const last = this.#lastWritten;
    return {
      head,
      waiting: this.#queue.length,
      writtenAgo: last === undefined ? undefined : this.#stopwatch.elapsed() - last,
      isFailing: this.#isLate || this.#hasFailed,
    };
  }

  /** Adds one that is notified. */
  watch(watch: WriterWatch): void {
    this.#watches.push(watch);
  }

  /** Resolves when the entry is on the disk, or after two seconds at most: it may be written then or not. Never rejects. */
  record(entry: Entry): Promise<Recorded> {
    if (this.#isLate) return Promise.resolve(UNAVAILABLE);
    if (this.#queue.length - this.#kept >= WAITED_MAX) return Promise.resolve(BUSY);
    return new Promise((settle) => {
      this.#enqueue(entry, settle);
      this.#wake();
    });
  }

  /** Writes the entry as soon as that is possible. Says whether there was a place for it. */
  keep(entry: Entry): boolean {
    if (this.#kept < KEPT_MAX) {
      this.#kept += 1;
      this.#enqueue(entry, undefined);
      return true;
    }
    this.#lost.set(entry.kind, (this.#lost.get(entry.kind) ?? 0) + 1);
    for (const watch of this.#watches) watch.lost(entry.kind);
    return false;
  }

  /** Resolves when nothing waits to be written. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  #enqueue(entry: Entry, settle: Waiting["settle"]): void {
    this.#queue.push({ entry, settle, since: this.#stopwatch.elapsed() });
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    try {
      await this.#gathered();
      while (this.#queue.length > 0) {
        const isWritten = await this.#written(this.#next());
        if (!isWritten && this.#queue.length > 0 && this.#queue.length === this.#kept) await this.#pause();
      }
    } finally {
      // With the last look at the queue, not a microtask later: an entry that came between them would begin no run and wait for another.
      this.#running = undefined;
    }
  }

  /** Those of one turn of the event loop come together; under load those of two milliseconds. */
  async #gathered(): Promise<void> {
    if (this.#lastBatch > 1) await this.#timers.delay(GATHER_MS).over;
    else await this.#timers.afterArrivals();
  }

  async #pause(): Promise<void> {
    const pause = this.#timers.delay(PAUSE_MS);
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    await Promise.race([pause.over, woken]);
    pause.cancel();
  }

  #next(): readonly Waiting[] {
    if (this.#lost.size > 0) {
      const entry: Entry = { kind: "lost", facts: { entries: Object.fromEntries(this.#lost) } };
      this.#lost.clear();
      this.#kept += 1;
      this.#queue.push({ entry, settle: undefined, since: this.#stopwatch.elapsed() });
    }
    const batch = this.#queue.splice(0, BATCH_MAX);
    this.#lastBatch = batch.length;
    return batch;
  }

  /** Writes a batch, and resolves when it is known whether it is written or failed. Those that wait are answered in time in any case. */
  async #written(batch: readonly Waiting[]): Promise<boolean> {
    const begun = this.#stopwatch.elapsed();
    const since = batch.find((one) => !isKept(one))?.since ?? begun;
    const deadline = this.#timers.delay(DEADLINE_MS - (begun - since) * 1_000);
    const settled = this.#committed(batch);
    const first = await Promise.race([settled, deadline.over.then(() => "late" as const)]);
    deadline.cancel();
    if (first === "late") await this.#answerLate(batch, settled);
    const recorded = await settled;
    for (const { settle } of batch) settle?.(recorded);
    this.#hasFailed = recorded.kind !== "recorded";
    if (recorded.kind === "recorded") {
      this.#lastWritten = this.#stopwatch.elapsed();
      this.#kept -= batch.filter(isKept).length;
      const [kinds, seconds] = [batch.map(({ entry }) => entry.kind), this.#lastWritten - begun];
      for (const watch of this.#watches) watch.written(kinds, seconds);
      return true;
    }
    this.#queue.unshift(...batch.filter(isKept));
    return false;
  }

  /** Nobody waits any longer, and those that come meanwhile do not begin to. */
  async #answerLate(batch: readonly Waiting[], settled: Promise<Recorded>): Promise<void> {
    this.#isLate = true;
    this.#noteFailed(new StoreUnavailable("unreachable", "ledger_deadline"), batch.length);
    for (const { settle } of [...batch, ...this.#queue]) settle?.(UNAVAILABLE);
    this.#queue = this.#queue.filter(isKept);
    await settled;
    this.#isLate = false;
  }

  #noteFailed(thrown: unknown, entries: number): void {
    for (const watch of this.#watches) watch.failed(thrown, entries);
  }

  /** Never rejects. */
  async #committed(batch: readonly Waiting[]): Promise<Recorded> {
    try {
      return { kind: "recorded", epoch: await this.#commit(batch) };
    } catch (thrown) {
      this.#noteFailed(thrown, batch.length);
      return UNAVAILABLE;
    }
  }

  async #commit(batch: readonly Waiting[]): Promise<number> {
    let left = batch;
    if (this.#end.isInDoubt) {
      const wasWritten = await this.#end.wasWritten();
      if (wasWritten) left = batch.filter((one) => !this.#inDoubt.has(one));
      this.#inDoubt = new Set();
    }
    if (left.length === 0) return 0;
    this.#inDoubt = new Set(left.filter(isKept));
    return this.#end.append(left.map(({ entry }) => entry));
  }
}

function isKept({ settle }: Waiting): boolean {
  return settle === undefined;
}
