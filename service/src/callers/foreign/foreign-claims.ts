import { strictObject } from "./strict-json.ts";

/** The payload of a token of another issuer (RFC 7519 section 4.1), read but not verified. */
export interface ForeignClaims {
  readonly iss: string | undefined;
  readonly sub: string;
  /** `aud`, a single text as a list of one. */
  readonly audiences: readonly string[];
  readonly exp: number | undefined;
  readonly nbf: number | undefined;
  readonly iat: number | undefined;
  readonly jti: string | undefined;
  /** Every member, as sent. */
  readonly members: Readonly<Record<string, unknown>>;
}

const SUBJECT_CHARS_MAX = 2_048;

/** Reads the claims of a payload; `undefined` when a registered claim has a wrong type, or `sub` is missing. */
export function readForeignClaims(payload: Uint8Array): ForeignClaims | undefined {
  const members = strictObject(payload);
  if (members === undefined) return undefined;
  const { iss, sub, aud, exp, nbf, iat, jti } = members;
  const audiences = audiencesOf(aud);
  if (!isSubject(sub) || audiences === undefined || !isText(iss) || !isText(jti)) return undefined;
  const areMoments = isMoment(exp) && isMoment(nbf) && isMoment(iat);
  return areMoments ? { iss, sub, audiences, exp, nbf, iat, jti, members } : undefined;
}

function isSubject(sub: unknown): sub is string {
  return typeof sub === "string" && sub !== "" && sub.length <= SUBJECT_CHARS_MAX && isPlain(sub);
}

function audiencesOf(aud: unknown): readonly string[] | undefined {
  if (typeof aud === "string") return [aud];
  if (aud === undefined) return [];
  return Array.isArray(aud) && aud.every((one) => typeof one === "string") ? aud : undefined;
}

/** Subjects go into logs and patterns: no control characters, no half of a surrogate pair. */
function isPlain(text: string): boolean {
  return !/[\p{Cc}\p{Cs}]/u.test(text);
}

function isText(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && value !== "" && isPlain(value));
}

function isMoment(value: unknown): value is number | undefined {
  return value === undefined || (typeof value === "number" && Number.isFinite(value));
}

/** Seconds by which the clock of another machine may differ from ours. */
export const SKEW_SECONDS = 30;

export type TimeFault = "expiry_missing" | "token_expired" | "token_not_yet_valid" | "token_too_long";

/** What is wrong with the times of a token at `now`. `exp` is required, and `exp` less `iat` (or `nbf`, or now) is at most `maxLifeSeconds`. */
export function faultOfTimes(
  { exp, nbf, iat }: Pick<ForeignClaims, "exp" | "nbf" | "iat">,
  now: number,
  maxLifeSeconds: number,
): TimeFault | undefined {
  if (exp === undefined) return "expiry_missing";
  if (exp + SKEW_SECONDS <= now) return "token_expired";
  if (Math.max(nbf ?? now, iat ?? now) > now + SKEW_SECONDS) return "token_not_yet_valid";
  return exp - (iat ?? nbf ?? now) > maxLifeSeconds ? "token_too_long" : undefined;
}

/** Whether a token is for `audience`, compared byte for byte; alone, unless others are allowed beside it. */
export function isForAudience(
  { audiences }: Pick<ForeignClaims, "audiences">,
  audience: string,
  allowsOthers: boolean,
): boolean {
  return audiences.includes(audience) && (allowsOthers || audiences.length === 1);
}
