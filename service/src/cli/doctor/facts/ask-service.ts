import type { Stopwatch } from "../../../kernel/clock.ts";
import { type Answer, ask } from "../../client/http-client.ts";
import { below } from "../../client/service-url.ts";

/** What a running service answered to three harmless requests. */
export interface ServiceFacts {
  readonly base: URL;
  readonly health: Answer;
  readonly jwks: Answer;
  /** The answer to a mint request without a sender and credentials, which can never get a token. */
  readonly emptyMint: Answer;
}

/** Asks the service below `base` for its health, its keys, and a token that it must not give. */
export async function askService(
  base: URL,
  ca: string | undefined,
  stopwatch: Stopwatch,
): Promise<ServiceFacts> {
  const [health, jwks, emptyMint] = await Promise.all([
    ask(below(base, "/healthz"), { method: "GET", ca }, stopwatch),
    ask(below(base, "/.well-known/jwks.json"), { method: "GET", ca }, stopwatch),
    ask(below(base, "/tokens"), { method: "POST", body: "{}", ca }, stopwatch),
  ]);
  return { base, health, jwks, emptyMint };
}
