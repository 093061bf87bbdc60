import { type Clock, type EpochSeconds, epochSeconds, latest, type Stopwatch } from "../../kernel/clock.ts";
import { LEEWAY_SECONDS } from "./revocation-store.ts";

/** A look that is under way. */
export interface Look {
  readonly at: number;
  readonly now: EpochSeconds;
  /** The clock was ahead and was set back: what is known since then must be read from the beginning. */
  readonly isAgain: boolean;
}

/** How old the newest look at what is revoked is. */
export class LastLook {
  readonly #deps: { readonly clock: Pick<Clock, "now">; readonly stopwatch: Stopwatch };
  /** By the stopwatch, and by the clock. */
  #at = Number.NEGATIVE_INFINITY;
  #atClock = epochSeconds(0);
  /** The latest moment that was looked at: what was over by then is not known. */
  #latest = epochSeconds(0);

  constructor(deps: { readonly clock: Pick<Clock, "now">; readonly stopwatch: Stopwatch }) {
    this.#deps = deps;
  }

  /** By the stopwatch, and by the clock, whose seconds are whole: while a machine sleeps, the stopwatch may stand still. */
  ageMs(): number {
    const now = this.#deps.clock.now();
    if (this.#isBefore(now)) return Number.POSITIVE_INFINITY;
    return Math.max(this.#deps.stopwatch.elapsed() - this.#at, now - this.#atClock - 1) * 1_000;
  }

  /** Begins one. It may fail in the middle, and what it found is without what is over by now. */
  begin(): Look {
    const now = this.#deps.clock.now();
    const isAgain = this.#isBefore(now);
    this.#latest = latest(this.#latest, now);
    return { at: this.#deps.stopwatch.elapsed(), now, isAgain };
  }

  /** It found everything, as it was `agedMs` before it began. Gives the moment by which what is over may be forgotten. */
  end({ at, now, isAgain }: Look, agedMs = 0): EpochSeconds {
    this.#at = at - agedMs / 1_000;
    this.#atClock = now;
    const ended = this.#deps.clock.now();
    this.#latest = isAgain ? latest(now, ended) : latest(this.#latest, ended);
    return ended;
  }

  /** What was forgotten, or was never read, may stop a token that lives again. */
  #isBefore(now: EpochSeconds): boolean {
    return now < this.#latest - LEEWAY_SECONDS;
  }
}
