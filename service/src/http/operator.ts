import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Branded } from "../kernel/branded.ts";
import { isLoopback } from "../kernel/loopback.ts";
import type { Secret } from "../kernel/secret.ts";
import { type Problem, problem } from "./problem.ts";

/** Evidence that a request comes from an operator. Only `proveOperator` makes one. */
export type Operator = Branded<{ readonly provedBy: OperatorProof["kind"] }, "Operator">;

/** How operators prove who they are: with the bearer token, or by being a program of this machine, where no token is set. */
export type OperatorProof =
  | { readonly kind: "token"; readonly token: Secret }
  | { readonly kind: "this_machine" };

/** The part of a request that is checked. */
interface Sent {
  readonly headers: IncomingMessage["headers"];
  readonly socket: Pick<IncomingMessage["socket"], "remoteAddress">;
}

/** The evidence that a request comes from an operator, or why there is none. */
export function proveOperator(
  proof: OperatorProof,
  incoming: Sent,
):
  | { readonly kind: "operator"; readonly operator: Operator }
  | { readonly kind: "rejected"; readonly problem: Problem } {
  const isProved =
    proof.kind === "token"
      ? hasToken(proof.token, incoming.headers.authorization)
      : isFromThisMachine(incoming);
  if (isProved) return { kind: "operator", operator: { provedBy: proof.kind } as Operator };
  return { kind: "rejected", problem: problem(proof.kind === "token" ? "unauthorised" : "not_this_machine") };
}

/** Constant-time: both sides are hashed to one length first, so neither content nor length shows in the time. */
function hasToken(token: Secret, authorization: string | undefined): boolean {
  const digest = (text: string): Buffer => createHash("sha256").update(text).digest();
  // The scheme may be in any letter case (RFC 9110 section 11.1).
  const sent = /^bearer +(.*)$/i.exec(authorization ?? "")?.[1] ?? "";
  return timingSafeEqual(digest(sent), digest(token.reveal()));
}

/**
 * A loopback peer is no proof by itself: a web page in a browser on this machine reaches the listener too, directly or through a
 * name that was pointed here. A browser sends its page's origin, and a name that was pointed here is not a loopback address.
 */
function isFromThisMachine({ headers, socket }: Sent): boolean {
  const { host = "", origin, "sec-fetch-site": site } = headers;
  const name = /^(\[[^\]]*\]|[^:]*)(?::[0-9]{1,5})?$/.exec(host)?.[1] ?? "";
  return (
    isLoopback(socket.remoteAddress ?? "") &&
    isLoopback(name) &&
    origin === undefined &&
    (site === undefined || site === "none")
  );
}
