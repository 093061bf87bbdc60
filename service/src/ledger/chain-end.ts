import type { EpochMs } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import { type ChainHead, type ChainName, type LinkedEntry, linked, newChainName } from "./chain.ts";
import type { Entry } from "./entry.ts";
import type { LedgerStore } from "./ledger-store.ts";

export interface ChainDeps {
  readonly store: Pick<LedgerStore, "append" | "headOf" | "heads">;
  readonly random: Random;
  readonly nowMs: () => EpochMs;
  /** What the first entry of a chain says of its writer. */
  readonly writer: object;
  /** Is notified when a chain of this process does not end as this process wrote it: it is left, and another one begun. */
  readonly forked?: (left: ChainName) => void;
}

/** A new chain that does not end as it was written is not begun for the third time in one append. */
const CHAINS_MAX = 2;

/**
 * Where the chain of this process ends. After an append that failed it is not known whether it was written, until the store is asked:
 * the chain goes on from wherever it ends, so that it has no gap and no fork.
 */
export class ChainEnd {
  readonly #deps: ChainDeps;
  #chain: ChainName;
  /** `undefined`: the chain is not begun. */
  #head: ChainHead | undefined;
  /** The last entry of an append of which it is not known whether it was written. */
  #inDoubt: LinkedEntry | undefined;

  constructor(deps: ChainDeps) {
    this.#deps = deps;
    this.#chain = newChainName(deps.random);
  }

  /** The last entry that is known to be written. */
  get head(): ChainHead | undefined {
    return this.#head;
  }

  /** Whether `wasWritten` must be asked before the next append. */
  get isInDoubt(): boolean {
    return this.#inDoubt !== undefined;
  }

  /** Asks the store whether the append that failed was written after all. Rejects as the store does, and then the doubt remains. */
  async wasWritten(): Promise<boolean> {
    const asked = this.#inDoubt;
    if (asked === undefined) return false;
    const found = await this.#deps.store.headOf(this.#chain);
    this.#inDoubt = undefined;
    if (found?.hash === asked.hash) {
      this.#head = found;
      return true;
    }
    // An older end than what was acknowledged: the store has lost entries, which nobody may write over.
    if (found?.hash !== this.#head?.hash) this.#leave();
    return false;
  }

  /** Writes entries at the end of the chain, all or none. Resolves to the epoch, see `Appended`; rejects as the store does. */
  async append(entries: readonly Entry[]): Promise<number> {
    for (let tries = 1; tries <= CHAINS_MAX; tries += 1) {
      const before = this.#head;
      const all = before === undefined ? [await this.#start(), ...entries] : entries;
      const rows = this.#linked(all);
      this.#inDoubt = rows.at(-1);
      const appended = await this.#deps.store.append({ chain: this.#chain, before, entries: rows });
      this.#inDoubt = undefined;
      if (appended.kind === "appended") {
        this.#head = rows.at(-1);
        return appended.epoch;
      }
      this.#leave();
    }
    throw new StoreUnavailable("failed", "ledger_forked");
  }

  #linked(entries: readonly Entry[]): readonly LinkedEntry[] {
    const rows: LinkedEntry[] = [];
    let head: ChainHead | ChainName = this.#head ?? this.#chain;
    for (const entry of entries) {
      const row = linked(head, this.#deps.nowMs(), entry);
      rows.push(row);
      head = row;
    }
    return rows;
  }

  /** Somebody else wrote to the chain, which no other writer does, or it lost its end: it stays as it is, for `ledger verify` to report. */
  #leave(): void {
    this.#deps.forked?.(this.#chain);
    this.#chain = newChainName(this.#deps.random);
    this.#head = undefined;
  }

  async #start(): Promise<Entry> {
    const heads = await this.#deps.store.heads();
    const seen = heads.map(({ chain, seq, hash }) => ({ chain, seq, hash }));
    return { kind: "start", facts: { ...this.#deps.writer, heads: seen } };
  }
}
