import { clockOf, type EpochSeconds } from "../../kernel/clock.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { KeyChange } from "../../keys/managed/key-change.ts";
import type { Beat, KeySet, KeyStore } from "../../keys/managed/key-store.ts";
import { memoryKeyStore } from "../../stores/memory/key-store.ts";

interface Write {
  readonly at: EpochSeconds;
  run(store: KeyStore): Promise<unknown>;
}

/** The memory store with a journal of its writes, from which a copy of it at any of them can be made. */
export class ModelStore implements KeyStore {
  readonly #now: () => EpochSeconds;
  readonly #inner: KeyStore;
  #journal: Write[] = [];
  #replayedAt: EpochSeconds | undefined;

  constructor(now: () => EpochSeconds) {
    this.#now = now;
    this.#inner = memoryKeyStore(clockOf(() => this.#replayedAt ?? now()));
  }

  get writes(): number {
    return this.#journal.length;
  }

  load(): Promise<KeySet> {
    return this.#inner.load();
  }

  replace(seen: number, changes: readonly KeyChange[]): Promise<"replaced" | "stale"> {
    return this.#write((store) => store.replace(seen, changes));
  }

  /** The journal keeps the beat that was made, so that a copy does not ask the replica again. */
  beat(report: (set: KeySet) => Beat | undefined): Promise<KeySet> {
    const at = this.#now();
    return this.#inner.beat((set) => {
      const beat = report(set);
      if (beat !== undefined) this.#journal.push({ at, run: (store) => store.beat(() => beat) });
      return beat;
    });
  }

  /** The store as it was after its first `writes` writes: a backup of that moment, or a twin of now. */
  async copyAt(writes: number): Promise<ModelStore> {
    const copy = new ModelStore(this.#now);
    for (const write of this.#journal.slice(0, writes)) {
      copy.#replayedAt = write.at;
      await write.run(copy.#inner);
    }
    copy.#journal = this.#journal.slice(0, writes);
    copy.#replayedAt = undefined;
    return copy;
  }

  async #write<T>(run: (store: KeyStore) => Promise<T>): Promise<T> {
    const at = this.#now();
    const result = await run(this.#inner);
    this.#journal.push({ at, run });
    return result;
  }
}

/** What a link needs of the world around it. */
export interface LinkDeps {
  now(): number;
  store(): KeyStore;
  /** Resolves `seconds` from now. */
  wait(seconds: number): Promise<void>;
}

/**
 * One replica's way to the store in one of its lives: it can be cut, slow, break in the middle of a round, or lead to a standby,
 * which answers reads with a set that stays as it is, and accepts no writes.
 */
export class StoreLink implements KeyStore {
  connected = true;
  standby: KeyStore | undefined;
  /** When the last beat that the store accepted had begun, and which version it found. */
  lastBeat: { readonly begunAt: number; readonly version: number } | undefined;
  versionSeen: number;
  readonly #deps: LinkDeps;
  #fuse: { calls: number; readonly when: "before" | "after" } | undefined;
  #nextBeatTakes = 0;

  constructor(deps: LinkDeps, versionSeen: number) {
    this.#deps = deps;
    this.versionSeen = versionSeen;
  }

  /** The call after the next `calls` ones fails, with or without its effect. */
  breakAfter(calls: number, when: "before" | "after"): void {
    this.#fuse = { calls, when };
  }

  /** The store accepts the next beat now; its answer comes `seconds` later. */
  slowNextBeat(seconds: number): void {
    this.#nextBeatTakes = seconds;
  }

  load(): Promise<KeySet> {
    const { standby } = this;
    return this.connected && standby !== undefined ? standby.load() : this.#call((store) => store.load());
  }

  replace(seen: number, changes: readonly KeyChange[]): Promise<"replaced" | "stale"> {
    this.#demandPrimary();
    return this.#call((store) => store.replace(seen, changes));
  }

  async beat(report: (set: KeySet) => Beat | undefined): Promise<KeySet> {
    this.#demandPrimary();
    const begunAt = this.#deps.now();
    const takes = this.#nextBeatTakes;
    this.#nextBeatTakes = 0;
    const beats: Beat[] = [];
    const set = await this.#call((store) =>
      store.beat((found) => {
        const beat = report(found);
        if (beat !== undefined) beats.push(beat);
        return beat;
      }),
    );
    if (takes > 0) await this.#deps.wait(takes);
    if (beats.length > 0 && (this.lastBeat === undefined || begunAt >= this.lastBeat.begunAt)) {
      this.lastBeat = { begunAt, version: set.version };
    }
    this.versionSeen = Math.max(this.versionSeen, set.version);
    return set;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #demandPrimary(): void {
    if (this.standby !== undefined) throw new StoreUnavailable("read_only", "a standby accepts no writes");
  }

  async #call<T>(run: (store: KeyStore) => Promise<T>): Promise<T> {
    if (!this.connected) throw new StoreUnavailable("unreachable", "the replica is cut off");
    const store = this.#deps.store();
    const broken = this.#fuse !== undefined && this.#fuse.calls-- <= 0;
    if (!broken) return run(store);
    const { when } = this.#fuse ?? { when: "before" };
    this.#fuse = undefined;
    if (when === "after") await run(store);
    throw new StoreUnavailable("unreachable", `the connection broke ${when} the call took effect`);
  }
}
