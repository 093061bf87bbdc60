import type { EpochSeconds } from "../../kernel/clock.ts";
import { FIXED_TIMING } from "../../keys/timing.ts";
import { TOKEN_BYTES_MAX } from "../../tokens/token-size.ts";
import { shown } from "../terminal/shown.ts";
import { duration } from "../terminal/time.ts";
import type { Finding } from "./finding.ts";
import { type JsonObject, TOKEN_BYTES_END } from "./read-token.ts";

const EXP_LEEWAY_SECONDS = FIXED_TIMING.expLeewaySeconds;

/** What the runtime is configured to expect, and the moment at which it looks. */
export interface Expectation {
  readonly issuer: string;
  readonly audience: string;
  readonly now: EpochSeconds;
}

/** What the runtime makes of the registered claims (RFC 7519 section 4.1), one finding each; of scopes, see judge-scopes.ts. */
export function judgeClaims(claims: JsonObject, { issuer, audience, now }: Expectation): readonly Finding[] {
  return [
    judgeName("issuer", claims["iss"], issuer),
    judgeAudience(claims["aud"], audience),
    judgeSender(claims["sub"]),
    judgeIssued(claims["iat"], now),
    ...(claims["nbf"] === undefined ? [] : [judgeNotBefore(claims["nbf"], now)]),
    judgeExpiry(claims["exp"], now),
  ];
}

/** Whether a token of this size arrives. */
export function judgeSize(bytes: number): Finding {
  const size = `${String(bytes)} bytes of ${String(TOKEN_BYTES_MAX)}`;
  if (bytes <= TOKEN_BYTES_MAX) return { verdict: "ok", about: "size", text: size };
  return {
    verdict: "note",
    about: "size",
    text: `${size}: with other headers it may not fit into the ${String(TOKEN_BYTES_END)} of the runtime's header list`,
  };
}

function judgeName(about: string, claim: unknown, expected: string): Finding {
  if (claim === undefined) return { verdict: "note", about, text: "absent; the runtime accepts that" };
  if (claim === expected) return { verdict: "ok", about, text: shown(expected) };
  return {
    verdict: "rejected",
    about,
    text: `${named(claim)}; the runtime expects "${shown(expected)}"`,
  };
}

function judgeAudience(claim: unknown, expected: string): Finding {
  if (Array.isArray(claim) && claim.includes(expected))
    return { verdict: "ok", about: "audience", text: `${shown(expected)}, one of ${String(claim.length)}` };
  return judgeName("audience", claim, expected);
}

function judgeSender(sub: unknown): Finding {
  if (typeof sub !== "string")
    return {
      verdict: "rejected",
      about: "sender",
      text: "sub is absent or not a string; the runtime requires it",
    };
  return {
    verdict: sub.trim() === "" ? "note" : "ok",
    about: "sender",
    text: sub.trim() === "" ? "blank" : shown(sub),
  };
}

function judgeIssued(iat: unknown, now: EpochSeconds): Finding {
  const about = "issued";
  if (typeof iat !== "number")
    return { verdict: "note", about, text: "iat is absent or not a number; the runtime ignores it" };
  if (iat <= now) return { verdict: "ok", about, text: `${duration(now - iat)} ago` };
  return {
    verdict: "note",
    about,
    text: `${duration(iat - now)} in the future: one of the clocks is wrong; the runtime ignores iat`,
  };
}

function judgeNotBefore(nbf: unknown, now: EpochSeconds): Finding {
  const about = "not before";
  if (typeof nbf !== "number")
    return { verdict: "note", about, text: "nbf is not a number; the runtime ignores it" };
  if (nbf <= now) return { verdict: "ok", about, text: `reached ${duration(now - nbf)} ago` };
  return {
    verdict: "note",
    about,
    text: `reached in ${duration(nbf - now)}; the runtime ignores nbf and accepts the token now`,
  };
}

function judgeExpiry(exp: unknown, now: EpochSeconds): Finding {
  const about = "expires";
  if (typeof exp !== "number")
    return { verdict: "rejected", about, text: "exp is absent or not a number; the runtime requires it" };
  if (exp >= now) return { verdict: "ok", about, text: `in ${duration(exp - now)}` };
  const past = now - exp;
  const leeway = `${String(EXP_LEEWAY_SECONDS)} s leeway`;
  if (past > EXP_LEEWAY_SECONDS)
    return {
      verdict: "rejected",
      about,
      text: `expired ${duration(past)} ago, and the runtime's ${leeway} has passed`,
    };
  return {
    verdict: "note",
    about,
    text: `expired ${duration(past)} ago; the runtime still accepts it for ${duration(EXP_LEEWAY_SECONDS - past)} of its ${leeway}`,
  };
}

function named(claim: unknown): string {
  if (typeof claim === "string") return `"${shown(claim)}"`;
  return Array.isArray(claim) ? `a list of ${String(claim.length)}` : "not a string";
}
