import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { postTokens } from "../support/raw-http.ts";
import type { Environment, RunningService } from "../support/service-process.ts";

/** A service whose ledger is durable and whose lease outlives every outage of a test; add the store. */
export const RECORDING: Environment = {
  MACP_AUTH_SIGNING_ALG: "ES256",
  MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  MACP_AUTH_LEDGER: "durable",
  MACP_AUTH_ADMIN_PORT: "0",
  MACP_AUTH_ADMIN_TOKEN: randomBytes(32).toString("base64url"),
};

/** One answer to a mint. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

/** Mints and remembers what left: the id of each token, with the digest of what was signed. */
export class RecordedLoad {
  readonly tokens = new Map<string, string>();
  readonly answers: Answered[] = [];
  readonly #service: RunningService;
  #isOver = false;

  constructor(service: RunningService) {
    this.#service = service;
  }

  async mint(): Promise<Answered> {
    const begun = performance.now();
    const answer = await postTokens(this.#service.port, { sender: "agent://a" });
    const answered = { status: answer.status, text: answer.text, ms: performance.now() - begun };
    if (answer.status === 200) {
      const { token, token_id: jti } = JSON.parse(answer.text) as { token: string; token_id: string };
      const input = token.slice(0, token.lastIndexOf("."));
      this.tokens.set(jti, createHash("sha256").update(input).digest("base64url"));
    }
    this.answers.push(answered);
    return answered;
  }

  /** Mints with so many clients until `stop`; a client whose connection fails stops. */
  run(clients: number): Promise<unknown> {
    this.#isOver = false;
    return Promise.all(
      Array.from({ length: clients }, async () => {
        while (!this.#isOver) {
          const answered = await this.mint().catch(() => undefined);
          if (answered === undefined) return;
          if (answered.status !== 200) await sleep(50);
        }
      }),
    );
  }

  stop(): void {
    this.#isOver = true;
  }
}

/** The part `p`, 0 to 1, of the answers came within so many milliseconds. */
export function percentile(answers: readonly Answered[], p: number): number {
  const sorted = answers.map(({ ms }) => ms).toSorted((one, other) => one - other);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0);
}

/** The only answer to a mint whose entry cannot be written. */
export const RECORDED_REFUSAL = '503 {"error":"the token cannot be recorded now"}';
