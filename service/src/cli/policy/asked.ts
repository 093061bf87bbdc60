import type { CallerId, ProofClaims } from "../../callers/caller.ts";
import { textOf } from "../../http/mint-words.ts";
import { PROBLEMS } from "../../http/problem.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { RecordedRequest } from "../../policy/review/diff-policies.ts";
import { parseMintRequest } from "../../tokens/mint-request.ts";

/** Who asks, and with what. */
export interface Asked {
  readonly caller: CallerId;
  readonly claims: ProofClaims;
  /** A JSON text, as `POST /tokens` gets it. */
  readonly body: string;
  readonly alg: Algorithm;
}

/** Reads a request as `POST /tokens` does: what the service would answer with 400 is no request, and `why` says what is wrong with it. */
export function readAsked({
  caller,
  claims,
  body,
  alg,
}: Asked):
  | { readonly kind: "asked"; readonly asked: RecordedRequest }
  | { readonly kind: "invalid"; readonly why: string } {
  const value: unknown = JSON.parse(body);
  const parsed = parseMintRequest(value, body, "required");
  if (parsed.kind === "invalid")
    return { kind: "invalid", why: textOf(parsed.invalid) ?? PROBLEMS[parsed.invalid.reason].text };
  const { sender, scopes, ttlSeconds, audience } = parsed.request;
  return {
    kind: "asked",
    asked: { caller: { id: caller, claims }, request: { sender, scopes, ttlSeconds, audience, alg } },
  };
}
