import type { ChainHead, ChainName, LinkedEntry } from "../../ledger/chain.ts";
import type { Batch, LedgerStore } from "../../ledger/ledger-store.ts";

/** A ledger that ends with the process. */
export function memoryLedger(): LedgerStore {
  const chains = new Map<ChainName, LinkedEntry[]>();
  const headOf = (chain: ChainName): ChainHead | undefined => chains.get(chain)?.at(-1);
  return {
    append({ chain, before, entries }) {
      const head = headOf(chain);
      // As in a database: what comes again after a lost answer is there already.
      if (head !== undefined && head.hash === entries.at(-1)?.hash) return Promise.resolve(APPENDED);
      if (!isAt(head, before)) return Promise.resolve({ kind: "forked" });
      chains.set(chain, [...(chains.get(chain) ?? []), ...entries]);
      return Promise.resolve(APPENDED);
    },
    headOf: (chain) => Promise.resolve(headOf(chain)),
    heads: () =>
      Promise.resolve(
        [...chains.keys()]
          .flatMap((chain) => headOf(chain) ?? [])
          .toSorted((one, other) => other.at - one.at),
      ),
    entriesOf: (chain, afterSeq, limit) =>
      Promise.resolve((chains.get(chain) ?? []).slice(afterSeq, afterSeq + limit)),
  };
}

const APPENDED = { kind: "appended", epoch: 0 } as const;

function isAt(head: ChainHead | undefined, place: Batch["before"]): boolean {
  return head?.seq === place?.seq && head?.hash === place?.hash;
}
