import { after, type Clock, type EpochSeconds, epochSeconds, type Stopwatch } from "../../kernel/clock.ts";
import type { Sender } from "../../kernel/ids.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import type { Freshness, Revocations, TokenFacts } from "../ledger.ts";
import { LastLook } from "./last-look.ts";
import type { RevocationChanges, RevocationStore } from "./revocation-store.ts";
import { RevokedIds } from "./revoked-ids.ts";
import { RevokedSubjects } from "./revoked-subjects.ts";

export interface ViewDeps {
  readonly store: Pick<RevocationStore, "changes">;
  readonly clock: Pick<Clock, "now">;
  readonly stopwatch: Stopwatch;
  /** How old the newest look may be for a token to be called live; `STALE_AFTER_MS` unless given. */
  readonly staleAfterMs?: number;
}

/** How often the store is asked for news. */
export const POLL_EVERY_MS = 200;
/**
 * How old the newest look at the store may be for a token to be called live: a revocation that was answered this long ago is known, or
 * the question is not answered.
 */
export const STALE_AFTER_MS = 1_000;
/** An answer that is older than the revocation that is waited for, and the next one. */
const LOOKS_MAX = 3;
/** Looks at every rule. */
const SWEEP_EVERY_SECONDS = 60;

/** What a replica knows of what is revoked. */
interface Known {
  readonly ids: RevokedIds;
  readonly subjects: RevokedSubjects;
  /** -1: nothing was read yet. */
  epoch: number;
  /** The revocation with that number, where it is known. */
  last: string | undefined;
}

/** What is revoked, in the memory of a replica, which reads what is new from the store. */
export class RevocationView implements Revocations {
  readonly #deps: ViewDeps;
  #known = nothing();
  #look: Promise<void> | undefined;
  readonly #lastLook: LastLook;
  #nextSweep = epochSeconds(0);

  constructor(deps: ViewDeps) {
    this.#deps = deps;
    this.#lastLook = new LastLook(deps);
  }

  get epoch(): number {
    return this.#known.epoch;
  }

  /** The revocation with that number, by its id; `undefined`: there is none yet. */
  get last(): string | undefined {
    return this.#known.last;
  }

  /** How many tokens, senders, callers, runs and keys are stopped. */
  get size(): number {
    return this.#known.ids.size + this.#known.subjects.size;
  }

  freshness(): Freshness {
    const ageMs = this.#lastLook.ageMs();
    return { ageMs, isFresh: ageMs <= (this.#deps.staleAfterMs ?? STALE_AFTER_MS) };
  }

  isStopped(token: TokenFacts): boolean {
    return this.stoppedBy(token) !== undefined;
  }

  /** The number of a revocation that stops a token, one of them where there are several; `undefined`: none does. */
  stoppedBy(token: TokenFacts): number | undefined {
    const { ids, subjects } = this.#known;
    return (
      ids.stoppedBy(token.jti) ??
      (token.parent === undefined ? undefined : ids.stoppedBy(token.parent)) ??
      subjects.stoppedBy(token)
    );
  }

  firstFreeSecond(token: {
    readonly sub: Sender;
    readonly caller?: string | undefined;
  }): EpochSeconds | undefined {
    const last = this.#known.subjects.lastStopped(token);
    return last && after(last, 1);
  }

  async catchUp(epoch: number): Promise<void> {
    for (let looks = 0; this.epoch < epoch; looks += 1) {
      if (looks === LOOKS_MAX) throw new StoreUnavailable("failed", "revocation missing");
      await this.poll();
    }
  }

  /** Reads what is new, once at a time. Rejects as the store does; what was known stays. */
  poll(): Promise<void> {
    this.#look ??= this.#read().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  async #read(): Promise<void> {
    const look = this.#lastLook.begin();
    const { epoch, last } = this.#known;
    const from = look.isAgain ? { epoch: 0, jti: "" } : { epoch: epoch + 1, jti: "", after: last };
    const first = await this.#deps.store.changes(from);
    // Also of a store that was put back to an earlier state, all is read; until then what was stopped stays so.
    if (look.isAgain) this.#known = await this.#readAll(nothing(), first);
    else if (first.epoch < this.epoch && first.next === undefined)
      this.#known = await this.#readAll(nothing());
    else await this.#readAll(this.#known, first);
    // What another one knew by its own look is as old as that look was when this one began.
    this.#sweep(this.#lastLook.end(look, first.ageMs), look.isAgain);
  }

  async #readAll(known: Known, first?: RevocationChanges): Promise<Known> {
    const { store } = this.#deps;
    let page = first ?? (await store.changes({ epoch: 0, jti: "" }));
    learn(known, page);
    while (page.next !== undefined) {
      page = await store.changes(page.next);
      learn(known, page);
    }
    return known;
  }

  #sweep(now: EpochSeconds, isDue: boolean): void {
    this.#known.ids.sweep(now);
    if (now < this.#nextSweep && !isDue) return;
    this.#nextSweep = after(now, SWEEP_EVERY_SECONDS);
    this.#known.subjects.sweep(now);
  }
}

function nothing(): Known {
  return { ids: new RevokedIds(), subjects: new RevokedSubjects(), epoch: -1, last: undefined };
}

/** What is stopped is stopped at once; what is let go is let go once all that stops it again is known. */
function learn(known: Known, { epoch, rules, tokens, last }: RevocationChanges): void {
  for (const token of tokens) known.ids.add(token);
  for (const rule of rules) {
    known.subjects.add(rule);
    if (rule.epoch > epoch) continue;
    for (const ended of rule.ends) {
      known.ids.end(ended, rule.until);
      known.subjects.end(rule, ended);
    }
  }
  if (epoch <= known.epoch) return;
  known.epoch = epoch;
  known.last = last;
}
