import type { EpochSeconds } from "../kernel/clock.ts";
import type { KeyChange } from "../keys/key-change.ts";
import { type Beat, type KeySet, type KeyStore, StoreUnavailable } from "../keys/key-store.ts";
import { memoryKeyStore } from "../stores/memory/key-store.ts";

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
    this.#inner = memoryKeyStore({ now: () => this.#replayedAt ?? now() });
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

  beat(beat: Beat): Promise<void> {
    return this.#write((store) => store.beat(beat));
  }

  close(): Promise<void> {
    return this.#inner.close();
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

/** One replica's way to the store in one of its lives: it can be cut, slow, or break in the middle of a round. */
export class StoreLink implements KeyStore {
  connected = true;
  /** When the last read that came back had begun, and what it said. */
  lastRead: { readonly begunAt: number; readonly version: number } | undefined;
  versionSeen: number;
  readonly #deps: LinkDeps;
  #fuse: { calls: number; readonly when: "before" | "after" } | undefined;
  #nextReadTakes = 0;

  constructor(deps: LinkDeps, versionSeen: number) {
    this.#deps = deps;
    this.versionSeen = versionSeen;
  }

  /** The call after the next `calls` ones fails, with or without its effect. */
  breakAfter(calls: number, when: "before" | "after"): void {
    this.#fuse = { calls, when };
  }

  /** The next read sees the store of now and comes back `seconds` later. */
  slowNextRead(seconds: number): void {
    this.#nextReadTakes = seconds;
  }

  async load(): Promise<KeySet> {
    const begunAt = this.#deps.now();
    const takes = this.#nextReadTakes;
    this.#nextReadTakes = 0;
    const set = await this.#call((store) => store.load());
    if (takes > 0) await this.#deps.wait(takes);
    if (this.lastRead === undefined || begunAt >= this.lastRead.begunAt) {
      this.lastRead = { begunAt, version: set.version };
    }
    this.versionSeen = Math.max(this.versionSeen, set.version);
    return set;
  }

  replace(seen: number, changes: readonly KeyChange[]): Promise<"replaced" | "stale"> {
    return this.#call((store) => store.replace(seen, changes));
  }

  beat(beat: Beat): Promise<void> {
    return this.#call((store) => store.beat(beat));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #call<T>(run: (store: KeyStore) => Promise<T>): Promise<T> {
    if (!this.connected) throw new StoreUnavailable("the replica is cut off");
    const store = this.#deps.store();
    const broken = this.#fuse !== undefined && this.#fuse.calls-- <= 0;
    if (!broken) return run(store);
    const { when } = this.#fuse ?? { when: "before" };
    this.#fuse = undefined;
    if (when === "after") await run(store);
    throw new StoreUnavailable(`the connection broke ${when} the call took effect`);
  }
}
