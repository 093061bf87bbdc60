import type { ChainHead, ChainName, LinkedEntry } from "../../ledger/chain.ts";
import type { LedgerStore } from "../../ledger/ledger-store.ts";

/** A ledger that ends with the process. */
export function memoryLedger(): LedgerStore {
  const chains = new Map<ChainName, LinkedEntry[]>();
  const headOf = (chain: ChainName): ChainHead | undefined => chains.get(chain)?.at(-1);
  return {
    append: ({ chain, before, entries }) => {
      if (headOf(chain)?.hash !== before?.hash) return Promise.resolve({ kind: "forked" });
      chains.set(chain, [...(chains.get(chain) ?? []), ...entries]);
      return Promise.resolve({ kind: "appended", epoch: 0 });
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
