import type { Finding } from "./finding.ts";
import { type AuditedEntry, digestOf, type JudgedEntry } from "./judge-entry.ts";

/** What is known of a chain beside its rows. */
export interface ChainFacts {
  readonly chain: string;
  /** What `ledger_chains` names; `undefined`: nothing. */
  readonly head: { readonly seq: number; readonly hash: string } | undefined;
  /** How far it was pruned, with the hash of the last entry that was removed. */
  readonly pruned: { readonly seq: number; readonly hash: string } | undefined;
}

/** A row in its chain: `position` is where its record says that it stands, when it is whole. */
interface Placed {
  readonly judged: JudgedEntry;
  readonly position: number;
}

/**
 * Follows the rows of one chain, in the order of their numbers, and reports which are not as they were written. A row is confirmed by
 * the row after it, which holds its hash; the last one by the head. So of two rows that do not fit, the one that is not confirmed is
 * named. Looks two rows ahead and keeps nothing else.
 */
export class ChainAudit {
  readonly #facts: ChainFacts;
  readonly #report: (finding: Finding) => void;
  /** The rows that are not judged yet: the first is judged when two others are known, or the chain ends. */
  readonly #ahead: JudgedEntry[] = [];
  /** The row before; `undefined`: there is none that the next one can be compared with. */
  #before: Placed | undefined;
  /** By how much positions differ from numbers: rows before were removed or added, and the numbers closed up. */
  #shift = 0;
  #seen = 0;

  constructor(facts: ChainFacts, report: (finding: Finding) => void) {
    this.#facts = facts;
    this.#report = report;
  }

  /** Takes the next row. */
  next(judged: JudgedEntry): void {
    this.#ahead.push(judged);
    if (this.#ahead.length > 2) this.#step();
  }

  /** The chain has no more rows. */
  end(): void {
    while (this.#ahead.length > 0) this.#step();
    const { head } = this.#facts;
    const last = this.#seen;
    // A chain has an entry, whatever somebody else wrote as its end.
    const end = Math.max(head?.seq ?? 0, 1);
    if (head !== undefined && last < end) this.#missing(last + 1, end);
    if (head === undefined && last > 0 && this.#before !== undefined)
      this.#inRow("head_missing", this.#before.judged.entry);
  }

  #step(): void {
    const judged = this.#ahead.shift();
    if (judged === undefined) return;
    const { entry, own } = judged;
    const isFirst = this.#seen === 0;
    if (own !== undefined && this.#isMisplaced(judged, this.#ahead[0])) {
      this.#seen = Math.max(this.#seen, entry.seq);
      this.#inRow("misplaced", entry, { belongs: own });
      this.#before = undefined;
      return;
    }
    const placed = this.#placed(judged);
    this.#seen = Math.max(this.#seen, placed.position);
    this.#reportGap(placed, isFirst);
    this.#judge(placed, isFirst);
    this.#before = placed;
  }

  /** Whether this row alone is not where its record says; where more follow, the numbers were closed up or moved. */
  #isMisplaced(judged: JudgedEntry, after: JudgedEntry | undefined): boolean {
    const { entry, own, isWhole } = judged;
    if (!isWhole || own === undefined) return false;
    if (own.chain !== entry.chain) return true;
    return this.#shiftOf(judged) !== this.#shift && !this.#beginsRun(judged, after);
  }

  #shiftOf({ entry, own, isWhole }: JudgedEntry): number {
    return isWhole && own !== undefined ? own.seq - entry.seq : this.#shift;
  }

  #beginsRun(judged: JudgedEntry, after: JudgedEntry | undefined): boolean {
    if (after?.entry.prev !== judged.entry.hash) return false;
    return this.#shiftOf(after) === this.#shiftOf(judged);
  }

  #placed(judged: JudgedEntry): Placed {
    const { entry, own } = judged;
    const shift = this.#shiftOf(judged);
    const position = entry.seq + shift;
    if (shift !== this.#shift && own !== undefined && position === (this.#before?.position ?? 0) + 1)
      this.#inRow("misplaced", entry, { belongs: own });
    this.#shift = shift;
    return { judged, position };
  }

  #reportGap({ position }: Placed, isFirst: boolean): void {
    const first = (this.#facts.pruned?.seq ?? 0) + 1;
    const next = this.#before === undefined ? position : this.#before.position + 1;
    const from = isFirst ? first : next;
    if (position > from) this.#missing(from, position - 1);
  }

  #judge(placed: Placed, isFirst: boolean): void {
    const { entry, isWhole, differing } = placed.judged;
    const columns = [...(isWhole ? [] : ["record"]), ...differing];
    if (columns.length > 0) this.#inRow("edited", entry, { columns });
    if (!isWhole) return;
    if (this.#isHead(placed)) {
      if (this.#facts.head?.hash !== entry.hash) this.#inRow("head_differs", entry);
      else if (isFirst && !this.#follows(placed, isFirst)) this.#inRow("rewritten", entry);
      return;
    }
    const kind = this.#breakAt(placed, isFirst);
    if (kind !== undefined) this.#inRow(kind, entry);
  }

  #isHead({ position }: Placed): boolean {
    return position === this.#facts.head?.seq;
  }

  /** What is wrong between this row and its neighbours, when it is to blame. */
  #breakAt(placed: Placed, isFirst: boolean): "inserted" | "rewritten" | undefined {
    const follows = this.#follows(placed, isFirst);
    if (this.#isConfirmed(placed)) return !follows && isFirst ? "rewritten" : undefined;
    if (!follows) return "inserted";
    const [next, after] = this.#ahead;
    if (next !== undefined && !this.#isSound(next, after)) return undefined;
    const isRepeated = next?.own !== undefined && next.own.seq <= placed.position;
    return isRepeated ? "inserted" : "rewritten";
  }

  /** Whether it holds the hash of the row before, as far as that can be compared. */
  #follows({ judged, position }: Placed, isFirst: boolean): boolean {
    const { prev } = judged.entry;
    if (isFirst) {
      const { seq, hash } = this.#facts.pruned ?? { seq: 0, hash: "" };
      return position !== seq + 1 || prev === hash;
    }
    const before = this.#before;
    if (before === undefined || !before.judged.isWhole || position > before.position + 1) return true;
    return prev === before.judged.entry.hash;
  }

  /** Whether the row after it holds its hash, as far as that can be compared. */
  #isConfirmed({ judged: { entry }, position }: Placed): boolean {
    const [next, after] = this.#ahead;
    if (next?.isWhole !== true || this.#isMisplaced(next, after)) return true;
    const nextPosition = next.entry.seq + this.#shiftOf(next);
    return nextPosition > position + 1 || next.entry.prev === entry.hash;
  }

  /** Whether a row is whole and confirmed: then the one before it is to blame for a break. */
  #isSound(row: JudgedEntry, after: JudgedEntry | undefined): boolean {
    if (!row.isWhole) return false;
    if (after === undefined) return (this.#facts.head?.hash ?? row.entry.hash) === row.entry.hash;
    if (!after.isWhole || after.entry.prev === row.entry.hash) return true;
    return after.entry.seq + this.#shiftOf(after) > row.entry.seq + this.#shiftOf(row) + 1;
  }

  #missing(seq: number, to: number): void {
    this.#report({ kind: "missing", chain: this.#facts.chain, seq, to });
  }

  #inRow(kind: "rewritten" | "inserted" | "head_differs" | "head_missing", entry: AuditedEntry): void;
  #inRow(kind: "edited", entry: AuditedEntry, more: { readonly columns: readonly string[] }): void;
  #inRow(
    kind: "misplaced",
    entry: AuditedEntry,
    more: { readonly belongs: { readonly chain: string; readonly seq: number } },
  ): void;
  #inRow(kind: string, entry: AuditedEntry, more: object = {}): void {
    const { seq } = entry;
    this.#report({ kind, chain: this.#facts.chain, seq, ...more, observed: digestOf(entry) } as Finding);
  }
}
