import type { Stopwatch } from "../kernel/clock.ts";
import type { RejectionFacts } from "./entry.ts";
import type { LedgerWriter } from "./writer.ts";

/** Rejections of one reason that have an entry each, a second. */
const EACH_MAX = 20;
/** Texts of strangers are cut. */
const TEXT_CHARS_MAX = 256;
const SCOPES_CHARS_MAX = 2_048;

/**
 * The entries of requests that got no token. Nothing waits for them. Under a flood the first of each second and reason have an entry
 * each, and `count` writes one for all others: the ledger grows by no more than a stranger is worth.
 */
export class RejectionEntries {
  readonly #writer: Pick<LedgerWriter, "keep">;
  readonly #stopwatch: Stopwatch;
  readonly #others = new Map<string, number>();
  readonly #inSecond = new Map<string, number>();
  #second = 0;

  constructor(writer: Pick<LedgerWriter, "keep">, stopwatch: Stopwatch) {
    this.#writer = writer;
    this.#stopwatch = stopwatch;
  }

  note(facts: RejectionFacts): void {
    const { reason } = facts;
    const isOneOfMany = this.#number(reason) > EACH_MAX;
    if (isOneOfMany || !this.#writer.keep({ kind: "rejection", facts: bounded(facts) }))
      this.#others.set(reason, (this.#others.get(reason) ?? 0) + 1);
  }

  /** Writes how many there were without an entry since the last call, if any. */
  count(): void {
    if (this.#others.size === 0) return;
    const requests = Object.fromEntries(this.#others);
    if (this.#writer.keep({ kind: "rejections", facts: { requests } })) this.#others.clear();
  }

  /** Its number among those of its reason in this second. */
  #number(reason: string): number {
    const second = Math.floor(this.#stopwatch.elapsed());
    if (second !== this.#second) {
      this.#second = second;
      this.#inSecond.clear();
    }
    const number = (this.#inSecond.get(reason) ?? 0) + 1;
    this.#inSecond.set(reason, number);
    return number;
  }
}

/** The facts with texts cut, and scopes only of a size that a token could have. */
function bounded({ scopes_asked: scopes, ...facts }: RejectionFacts): RejectionFacts {
  const cut = Object.entries(facts).map(([name, value]) => [
    name,
    typeof value === "string" && value.length > TEXT_CHARS_MAX ? `${value.slice(0, TEXT_CHARS_MAX)}…` : value,
  ]);
  const isSmall = scopes !== undefined && JSON.stringify(scopes).length <= SCOPES_CHARS_MAX;
  return { ...(Object.fromEntries(cut) as RejectionFacts), ...(isSmall && { scopes_asked: scopes }) };
}
