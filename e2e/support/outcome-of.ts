import type { ClientRequest } from "node:http";

/** How a request is ended, and what a right answer is. */
export interface Expected {
  readonly body?: string | undefined;
  /** What the text of a right answer has. */
  readonly sign: string;
  /** Milliseconds to the end of the answer. */
  readonly msMax: number;
}

/**
 * Sends a request, and waits for the end of its answer: `200` when it is right, another status and the start of its text, or the code of the
 * connection's fault. Never rejects, so that a load counts what its clients saw.
 */
export function outcomeOf(out: ClientRequest, { body, sign, msMax }: Expected): Promise<string> {
  return new Promise((resolve) => {
    const late = setTimeout(() => out.destroy(new Error("no answer in time")), msMax);
    const end = (outcome: string): void => {
      clearTimeout(late);
      resolve(outcome);
    };
    out.on("error", (fault: NodeJS.ErrnoException) => {
      end(fault.code ?? fault.message);
    });
    out.on("response", (incoming) => {
      let text = "";
      incoming.on("data", (piece: Buffer) => (text += piece.toString()));
      incoming.on("error", (fault: NodeJS.ErrnoException) => {
        end(`cut off: ${fault.code ?? fault.message}`);
      });
      incoming.on("end", () => {
        const isRight = incoming.statusCode === 200 && text.includes(sign);
        end(isRight ? "200" : `${String(incoming.statusCode)} ${text.slice(0, 80)}`);
      });
    });
    out.end(body);
  });
}
