import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { LinkedEntry } from "../../ledger/chain.ts";
import type { LedgerStore } from "../../ledger/ledger-store.ts";
import type { RevocationStore } from "../../ledger/revocation/revocation-store.ts";
import type { RecordedToken } from "./oracle.ts";
import type { ModelTime } from "./time.ts";

/** What two replicas share, as one of them reaches it. */
export interface SharedStores {
  readonly ledger: LedgerStore;
  readonly revocations: RevocationStore;
}

/** The newest look of a replica at what is revoked. */
export interface Look {
  readonly beganMs: number;
  /** The last number that it found. */
  readonly epoch: number;
}

/** Gets to know what was written: the tokens of these entries. */
export type NoteRecorded = (tokens: readonly RecordedToken[], entries: readonly LinkedEntry[]) => void;

/**
 * The way of a replica to the store. It breaks, is slow and loses answers as a run says, and notes what really was written and
 * read: no fault of the code under test can change that.
 */
export class Link {
  isCut = false;
  /** Changes of this kind are made, and their answers are lost. */
  loses: "append" | "change" | undefined;
  /** How long the next look takes after it has read. */
  slowMs = 0;
  look: Look | undefined;
  /** When the last revocation or undoing was committed; `undefined`: none since this was cleared. */
  changedAtMs: number | undefined;
  readonly #time: ModelTime;
  readonly #stores: SharedStores;
  readonly #recorded: NoteRecorded;

  constructor(time: ModelTime, stores: SharedStores, recorded: NoteRecorded) {
    this.#time = time;
    this.#stores = stores;
    this.#recorded = recorded;
  }

  readonly ledger: LedgerStore = {
    append: async (batch) => {
      this.#reach();
      const appended = await this.#stores.ledger.append(batch);
      if (appended.kind === "appended") {
        const mints = batch.entries.filter(({ kind }) => kind === "mint");
        this.#recorded(
          mints.map(({ body }) => tokenIn(body, appended.epoch)),
          batch.entries,
        );
      }
      this.#lose("append");
      return appended;
    },
    headOf: async (chain) => this.#reach().ledger.headOf(chain),
    // Chains of other worlds are none of this one's.
    heads: async () => {
      this.#reach();
      return [];
    },
    entriesOf: async (...asked) => this.#reach().ledger.entriesOf(...asked),
    file: async () => this.#reach().ledger.file(),
  };

  readonly revocations: RevocationStore = {
    revoke: (selector, order) => this.#changed(({ revocations }) => revocations.revoke(selector, order)),
    undo: (epoch, order) => this.#changed(({ revocations }) => revocations.undo(epoch, order)),
    preview: async (selector) => this.#reach().revocations.preview(selector),
    standing: async (selector) => this.#reach().revocations.standing(selector),
    changes: async (from) => {
      const beganMs = this.#time.ms;
      const page = await this.#reach().revocations.changes(from);
      this.#time.move(this.slowMs);
      this.slowMs = 0;
      if (page.next === undefined) this.look = { beganMs, epoch: page.epoch };
      return page;
    },
    list: async (before, limit) => this.#reach().revocations.list(before, limit),
    issuanceOf: async (jti) => this.#reach().revocations.issuanceOf(jti),
    prune: async (now) => this.#reach().revocations.prune(now),
  };

  async #changed<T>(change: (stores: SharedStores) => Promise<T>): Promise<T> {
    const made = await change(this.#reach());
    if (made !== undefined) this.changedAtMs = this.#time.ms;
    this.#lose("change");
    return made;
  }

  #reach(): SharedStores {
    if (this.isCut) throw new StoreUnavailable("unreachable");
    return this.#stores;
  }

  #lose(what: "append" | "change"): void {
    if (this.loses === what) throw new StoreUnavailable("unconfirmed");
  }
}

function tokenIn(body: string, epoch: number): RecordedToken {
  const facts = JSON.parse(body) as Omit<RecordedToken, "root" | "epoch"> & { readonly root?: string };
  return { ...facts, root: facts.root ?? facts.jti, epoch };
}
