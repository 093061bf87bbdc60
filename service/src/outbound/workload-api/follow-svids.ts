import type { Random } from "../../kernel/random.ts";
import type { Delay, Timers } from "../../kernel/timers.ts";
import type { X509SvidMessage } from "./messages.ts";
import type { OpenStream } from "./open-stream.ts";
import { isFinal, type StreamFailure } from "./stream-failure.ts";

/** What following needs of the world. */
export interface FollowMachine {
  readonly timers: Pick<Timers, "delay">;
  readonly random: Random;
}

/** What comes of it, again and again. */
export interface SvidListener {
  readonly onMessage: (message: X509SvidMessage) => void;
  /**
   * An attempt gave no message, and another one follows. That a stream ends after a message is not reported: agents are restarted, and
   * what is wrong for longer ends the next stream too.
   */
  readonly onFailure: (failure: StreamFailure) => void;
}

/** The first message of a stream is due at once (SPIFFE Workload API section 4.3). */
const ANSWER_MS_MAX = 10_000;
const PAUSE_MS_MAX = 30_000;

/**
 * How long to wait before the next attempt, after so many failures in a row: 1 to 2 s at first, 15 to 30 s in the end. `share`: from 0 to
 * 1, by chance, so that the processes of a machine do not all come back to its agent at the same moment.
 */
export function pauseMs(failures: number, share: number): number {
  const longest = Math.min(PAUSE_MS_MAX, 2_000 * 2 ** failures);
  return longest / 2 + (longest / 2) * share;
}

/** Keeps a stream open, and opens it again when it ends. The returned function ends it for good. */
export function followSvids(open: OpenStream, machine: FollowMachine, listener: SvidListener): () => void {
  const follower = new Follower(open, machine, listener);
  follower.attempt();
  return () => {
    follower.end();
  };
}

class Follower {
  readonly #open: OpenStream;
  readonly #machine: FollowMachine;
  readonly #listener: SvidListener;
  #failures = 0;
  #isEnded = false;
  #endStream: () => void = () => undefined;
  /** For the first message, or for the next attempt. */
  #wait: Delay | undefined;

  constructor(open: OpenStream, machine: FollowMachine, listener: SvidListener) {
    this.#open = open;
    this.#machine = machine;
    this.#listener = listener;
  }

  attempt(): void {
    let hasAnswered = false;
    this.#after(ANSWER_MS_MAX, () => {
      this.#endStream();
      this.#over({ kind: "no_answer", seconds: ANSWER_MS_MAX / 1_000 }, false);
    });
    this.#endStream = this.#open({
      onMessage: (message) => {
        if (!hasAnswered) this.#wait?.cancel();
        hasAnswered = true;
        this.#listener.onMessage(message);
      },
      onEnd: (failure) => {
        this.#over(failure, hasAnswered);
      },
    });
  }

  end(): void {
    this.#isEnded = true;
    this.#wait?.cancel();
    this.#endStream();
  }

  #over(failure: StreamFailure, hasAnswered: boolean): void {
    if (hasAnswered) this.#failures = 0;
    const share = this.#machine.random.bytes(1).readUInt8() / 255;
    const failures = isFinal(failure) ? Number.POSITIVE_INFINITY : this.#failures;
    this.#after(pauseMs(failures, share), () => {
      this.attempt();
    });
    if (hasAnswered) return;
    this.#failures += 1;
    this.#listener.onFailure(failure);
  }

  #after(milliseconds: number, run: () => void): void {
    this.#wait?.cancel();
    const wait = this.#machine.timers.delay(milliseconds);
    this.#wait = wait;
    // Cancelled too late, a wait may be over already.
    void wait.over.then(() => {
      if (!this.#isEnded && this.#wait === wait) run();
    });
  }
}

/** What a start waits for. */
export interface FirstAnswer {
  readonly msMax: number;
  /** Called once, when the first attempt has failed and others follow. */
  readonly onWaiting: (failure: StreamFailure) => void;
}

/** The first message, or why there was none in that time. Ends every stream that it opened. */
export async function firstSvids(
  open: OpenStream,
  machine: FollowMachine,
  { msMax, onWaiting }: FirstAnswer,
): Promise<X509SvidMessage | StreamFailure> {
  let last: StreamFailure | undefined;
  let end: () => void = () => undefined;
  const bound = machine.timers.delay(msMax);
  const first = new Promise<X509SvidMessage | StreamFailure>((resolve) => {
    end = followSvids(open, machine, {
      onMessage: resolve,
      onFailure: (failure) => {
        if (isFinal(failure)) resolve(failure);
        else if (last === undefined) onWaiting(failure);
        last = failure;
      },
    });
  });
  try {
    return await Promise.race([
      first,
      bound.over.then((): StreamFailure => last ?? { kind: "no_answer", seconds: msMax / 1_000 }),
    ]);
  } finally {
    bound.cancel();
    end();
  }
}
