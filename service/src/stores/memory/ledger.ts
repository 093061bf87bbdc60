import type { ChainHead, ChainName } from "../../ledger/chain.ts";
import type { Appended, Batch, LedgerStore } from "../../ledger/ledger-store.ts";
import { type MemoryRecords, memoryRecords } from "./records.ts";

/** A ledger that ends with the process. */
export function memoryLedger(records: MemoryRecords = memoryRecords()): LedgerStore {
  const { chains } = records;
  const appended = (): Appended => ({ kind: "appended", epoch: records.revocations.length });
  const headOf = (chain: ChainName): ChainHead | undefined => chains.get(chain)?.at(-1);
  return {
    append({ chain, before, entries }) {
      const head = headOf(chain);
      // As in a database: what comes again after a lost answer is there already.
      if (head !== undefined && head.hash === entries.at(-1)?.hash) return Promise.resolve(appended());
      if (!isAt(head, before)) return Promise.resolve({ kind: "forked" });
      chains.set(chain, [...(chains.get(chain) ?? []), ...entries]);
      return Promise.resolve(appended());
    },
    headOf: (chain) => Promise.resolve(headOf(chain)),
    heads: () =>
      Promise.resolve(
        [...chains.keys()]
          .flatMap((chain) => headOf(chain) ?? [])
          .toSorted((one, other) => other.at - one.at || (one.chain < other.chain ? -1 : 1)),
      ),
    entriesOf: (chain, afterSeq, limit) =>
      Promise.resolve((chains.get(chain) ?? []).slice(afterSeq, afterSeq + limit)),
    file: () => Promise.resolve(),
  };
}

function isAt(head: ChainHead | undefined, place: Batch["before"]): boolean {
  return head?.seq === place?.seq && head?.hash === place?.hash;
}
