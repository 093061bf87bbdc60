import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What one racer did in a round. */
export interface RacerReport {
  readonly replaced: number;
  readonly stale: number;
  readonly lost: boolean;
}

/** What the starter sends to a racer. */
export type Order =
  | { readonly kind: "open"; readonly url: string }
  /** Where all racers meet before they continue: before their first read of the store, or after it. */
  | { readonly kind: "rotate"; readonly meetAt: "start" | "loaded" }
  | { readonly kind: "go" };
/** What a racer sends back. */
export type Reply =
  | { readonly kind: "waiting" }
  | { readonly kind: "done"; readonly report: RacerReport }
  | { readonly kind: "failed"; readonly fault: string };

/** Processes that each run the built service's `rotate` on one store, at the same moments. */
export interface Racers {
  open(url: string): Promise<void>;
  rotate(meetAt: "start" | "loaded"): Promise<readonly RacerReport[]>;
  end(): Promise<void>;
}

/** Starts that many racers; `kek` and `rules` are theirs for life. */
export function startRacers(count: number, kek: Buffer, rules: object): Racers {
  const script = fileURLToPath(new URL("key-racer.mjs", import.meta.url));
  const racers = Array.from({ length: count }, () =>
    fork(script, [kek.toString("hex"), JSON.stringify(rules)]),
  );
  const answers = () => Promise.all(racers.map(answerOf));
  const send = async (order: Order): Promise<readonly Reply[]> => {
    const replies = answers();
    for (const racer of racers) racer.send(order);
    return replies;
  };
  return {
    async open(url) {
      await send({ kind: "open", url });
    },
    async rotate(meetAt) {
      await send({ kind: "rotate", meetAt });
      const replies = await send({ kind: "go" });
      return replies.flatMap((one) => (one.kind === "done" ? [one.report] : []));
    },
    async end() {
      const ends = racers.map((racer) => once(racer, "exit"));
      for (const racer of racers) racer.kill();
      await Promise.all(ends);
    },
  };
}

/** The racer's next message; a fault or its end rejects. */
function answerOf(racer: ChildProcess): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const ended = () => {
      reject(new Error("a racer ended"));
    };
    racer.once("exit", ended);
    racer.once("message", (message) => {
      racer.off("exit", ended);
      const reply = message as Reply;
      if (reply.kind === "failed") reject(new Error(reply.fault));
      else resolve(reply);
    });
  });
}
