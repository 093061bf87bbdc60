import type { Delay, Timers } from "../kernel/timers.ts";

interface Waiting {
  dueMs: number;
  /** How long until it is due again; `undefined`: once. */
  readonly againMs: number | undefined;
  readonly run: () => void;
}

/** Timers that stand still until a test moves them. */
export class TestTimers implements Timers {
  #nowMs = 0;
  readonly #waiting = new Set<Waiting>();

  every(milliseconds: number, run: () => void): () => void {
    return this.#wait({ dueMs: this.#nowMs + milliseconds, againMs: milliseconds, run });
  }

  delay(milliseconds: number): Delay {
    let cancel = (): void => undefined;
    const over = new Promise<void>((resolve) => {
      cancel = this.#wait({ dueMs: this.#nowMs + milliseconds, againMs: undefined, run: resolve });
    });
    return { over, cancel };
  }

  afterArrivals(): Promise<void> {
    return settled();
  }

  /** How many timers have not ended. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Lets so much time pass: each timer that is due runs at its moment, and all that follows from it without waiting happens before the next. */
  async move(milliseconds: number): Promise<void> {
    const untilMs = this.#nowMs + milliseconds;
    await settled();
    for (let next = this.#dueBy(untilMs); next !== undefined; next = this.#dueBy(untilMs)) {
      this.#nowMs = next.dueMs;
      if (next.againMs === undefined) this.#waiting.delete(next);
      else next.dueMs += next.againMs;
      next.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }

  #wait(waiting: Waiting): () => void {
    this.#waiting.add(waiting);
    return () => {
      this.#waiting.delete(waiting);
    };
  }

  #dueBy(untilMs: number): Waiting | undefined {
    const [first] = [...this.#waiting].sort((one, other) => one.dueMs - other.dueMs);
    return first !== undefined && first.dueMs <= untilMs ? first : undefined;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
