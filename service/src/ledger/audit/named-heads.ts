import { type ChainName, parseChainName } from "../chain.ts";
import type { EntryPlaces } from "../notes/entry-places.ts";
import type { Finding } from "./finding.ts";

/** Where a chain is said to have ended at some time. */
export interface NamedHead {
  readonly chain: ChainName;
  readonly seq: number;
  readonly hash: string;
}

/** What is known of the chains when heads are compared with them. */
export interface ChainsSeen {
  /** The last row of each chain that has any. */
  readonly lastRow: ReadonlyMap<string, { readonly seq: number }>;
  /** How far each chain was pruned, as entries of the ledger say. */
  readonly prunedTo: ReadonlyMap<string, number>;
}

const PLACES_MAX = 100;

/** Compares the heads that notes and first entries name with the rows, and reports the first of each chain that is not there. */
export class NamedHeads {
  readonly #places: Pick<EntryPlaces, "hashesAt">;
  readonly #seen: ChainsSeen;
  readonly #report: (finding: Finding) => void;
  /** The last row of each chain that was found as it was named. */
  readonly #good = new Map<string, NamedHead>();
  readonly #broken = new Set<string>();
  #waiting: { readonly head: NamedHead; readonly by: string }[] = [];

  constructor(places: Pick<EntryPlaces, "hashesAt">, seen: ChainsSeen, report: (finding: Finding) => void) {
    this.#places = places;
    this.#seen = seen;
    this.#report = report;
  }

  /** Takes heads that `by` names. */
  async compare(heads: readonly NamedHead[], by: string): Promise<void> {
    for (const head of heads) {
      const good = this.#good.get(head.chain);
      const isKnown = good?.seq === head.seq && good.hash === head.hash;
      if (!isKnown && !this.#broken.has(head.chain)) this.#waiting.push({ head, by });
      if (this.#waiting.length >= PLACES_MAX) await this.flush();
    }
  }

  /** Compares those that wait. */
  async flush(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    const hashes = await this.#places.hashesAt(waiting.map(({ head }) => head));
    for (const [index, { head, by }] of waiting.entries()) this.#judge(head, by, hashes[index]);
  }

  #judge(head: NamedHead, by: string, found: string | undefined): void {
    const { chain, seq, hash } = head;
    if (this.#broken.has(chain)) return;
    const good = this.#good.get(chain)?.seq ?? 0;
    if (found === hash) {
      if (seq >= good) this.#good.set(chain, head);
    } else if (found === undefined) this.#judgeGone(head, by);
    else {
      this.#broken.add(chain);
      this.#report({ kind: "replaced", chain, after: good < seq ? good : 0, seq, by, observed: found });
    }
  }

  #judgeGone({ chain, seq }: NamedHead, by: string): void {
    const prunedTo = this.#seen.prunedTo.get(chain) ?? 0;
    if (seq <= prunedTo) return;
    this.#broken.add(chain);
    const last = this.#seen.lastRow.get(chain)?.seq ?? prunedTo;
    if (last === 0) this.#report({ kind: "lost", chain, seq, by });
    else this.#report({ kind: "missing", chain, seq: Math.min(last + 1, seq), to: seq });
  }
}

/** The heads that a record lists as `heads` or `chains`; what is none is left out. */
export function headsIn(list: unknown): readonly NamedHead[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((item: unknown) => {
    const { chain, seq, hash } = (item ?? {}) as Readonly<Record<string, unknown>>;
    const name = typeof chain === "string" ? parseChainName(chain) : undefined;
    return name !== undefined && typeof seq === "number" && typeof hash === "string"
      ? [{ chain: name, seq, hash }]
      : [];
  });
}
