import { strictBase64url, strictObject } from "../callers/foreign/strict-json.ts";
import { isSignedByOne } from "../callers/foreign/verify-signature.ts";
import { type Clock, type EpochSeconds, epochSeconds } from "../kernel/clock.ts";
import { type Jti, type Kid, parseJti, parseSender, type Sender } from "../kernel/ids.ts";
import type { Revocations, TokenFacts } from "../ledger/ledger.ts";
import type { Scopes } from "../scopes/scopes.ts";
import { parseStatusClaim } from "../status-lists/status-place.ts";
import type { Claims } from "./claims.ts";
import type { OwnKey, OwnKeys } from "./own-keys.ts";
import { TOKEN_BYTES_MAX } from "./token-size.ts";

/** What it takes to know a token of ours. */
export interface OwnTokenDeps {
  readonly clock: Pick<Clock, "now">;
  /** The keys that are served now; `undefined`: none are (`ownKeysOf`). */
  readonly ownKeys: () => OwnKeys | undefined;
  /** Our own `iss`. */
  readonly issuer: string;
}

/** What it takes to know that nothing stopped it either. */
export interface VerifyDeps extends OwnTokenDeps {
  readonly revocations: Pick<Revocations, "isStopped" | "freshness">;
}

/** A token that this service signed and that has not expired. */
export interface OwnToken {
  readonly claims: Claims;
  readonly kid: Kid;
}

/** Why a text is no live token of ours: for the log and the figures; no answer says it. */
export const NOT_LIVE = [
  "too_large",
  "not_compact",
  /** It does not begin as the tokens of a served key do: of another issuer, another type or algorithm, or of a key that is gone. */
  "header_unknown",
  "signature_invalid",
  /** It lacks a claim, or has one that this version does not know, which may narrow what the token means. */
  "claims_unknown",
  "issuer_other",
  "expired",
  "revoked",
] as const;
export type NotLive = (typeof NOT_LIVE)[number];

/** What is answered of a text that is no live token. */
export interface NotLiveToken {
  readonly kind: "not_live";
  readonly reason: NotLive;
}

export type ReadOwnToken =
  | { readonly kind: "own"; readonly token: OwnToken }
  | NotLiveToken
  | { readonly kind: "unavailable"; readonly reason: "no_keys" };

export type Verified =
  /** Ours, not expired, and nothing stopped it. */
  | { readonly kind: "live"; readonly token: OwnToken }
  | NotLiveToken
  /** It cannot be known now: what was revoked lately may be missing here, or no key may be served. */
  | { readonly kind: "unavailable"; readonly reason: "revocations_stale" | "no_keys" };

/**
 * Whether a text is a live token of this service (RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725). Any audience is accepted: a
 * policy may have granted it; who asks compares it. The runtime accepts a token for 60 s after its `exp`, and this does not.
 */
export async function verify(deps: VerifyDeps, text: string): Promise<Verified> {
  const read = await readOwnToken(deps, text);
  if (read.kind !== "own") return read;
  return standingOf(deps, read.token);
}

/** Whether something stopped a token of ours that has not expired, as it is known now. */
export function standingOf({ revocations }: Pick<VerifyDeps, "revocations">, token: OwnToken): Verified {
  if (revocations.isStopped(factsOf(token))) return notLive("revoked");
  // Only what would be accepted needs a fresh view.
  return revocations.freshness().isFresh
    ? { kind: "live", token }
    : { kind: "unavailable", reason: "revocations_stale" };
}

/** What decides whether a token is stopped, as far as it says so itself. */
export function factsOf({ claims: { jti, sub, iat }, kid }: OwnToken): TokenFacts {
  return { jti, sub, iat, kid };
}

/** The same without a look at what was revoked: who stops a token need not know whether it is stopped already. */
export async function readOwnToken(deps: OwnTokenDeps, text: string): Promise<ReadOwnToken> {
  const keys = deps.ownKeys();
  if (keys === undefined) return { kind: "unavailable", reason: "no_keys" };
  const parts = partsOf(keys, text);
  if (parts.kind === "not_live") return parts;
  const { key, payload } = parts;
  const isSigned = await isSignedByOne({ text, alg: key.alg, kid: key.kid, typ: "jwt", payload }, [key]);
  return isSigned ? judged(deps, key.kid, payload) : notLive("signature_invalid");
}

const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/;

interface Parts {
  readonly kind: "parts";
  readonly key: OwnKey;
  readonly payload: Buffer;
}

/** The parts of a compact token (RFC 7515 section 3.1), and the key that its header names. */
function partsOf(keys: OwnKeys, text: string): Parts | NotLiveToken {
  if (text.length > TOKEN_BYTES_MAX) return notLive("too_large");
  const [, header = "", body = "", signature = ""] = COMPACT.exec(text) ?? [];
  const payload = strictBase64url(body);
  // Two spellings of one signature would be two tokens to those who compare them as texts.
  if (body === "" || payload === undefined || strictBase64url(signature) === undefined)
    return notLive("not_compact");
  const key = keys.get(header);
  return key === undefined ? notLive("header_unknown") : { kind: "parts", key, payload };
}

/** What the claims of a token that we signed say of it now. */
function judged({ clock, issuer }: OwnTokenDeps, kid: Kid, payload: Buffer): ReadOwnToken {
  const claims = claimsIn(payload);
  if (claims === undefined) return notLive("claims_unknown");
  if (claims.iss !== issuer) return notLive("issuer_other");
  return claims.exp <= clock.now() ? notLive("expired") : { kind: "own", token: { claims, kid } };
}

/** A text that is no live token, and why. */
export function notLive(reason: NotLive): NotLiveToken {
  return { kind: "not_live", reason };
}

/** The claims that every token of ours has. A token with any other, such as `act`, is none that this version understands. */
const KNOWN_CLAIMS: ReadonlySet<string> = new Set([
  "macp_scopes",
  "sub",
  "iss",
  "aud",
  "iat",
  "exp",
  "jti",
  "status",
]);

function claimsIn(payload: Uint8Array): Claims | undefined {
  const members = strictObject(payload);
  if (members === undefined || !Object.keys(members).every((name) => KNOWN_CLAIMS.has(name)))
    return undefined;
  const { macp_scopes: scopes, iss, aud } = members;
  const sub = senderIn(members["sub"]);
  const jti = jtiIn(members["jti"]);
  const [iat, exp] = [momentIn(members["iat"]), momentIn(members["exp"])];
  if (sub === undefined || jti === undefined || iat === undefined || exp === undefined) return undefined;
  if (typeof iss !== "string" || typeof aud !== "string" || !areScopes(scopes)) return undefined;
  return withStatus({ macp_scopes: scopes, sub, iss, aud, iat, exp, jti }, members["status"]);
}

/** What is revoked is known here without the list. */
function withStatus(claims: Claims, status: unknown): Claims | undefined {
  if (status === undefined) return claims;
  const read = parseStatusClaim(status);
  return read && { ...claims, status: read };
}

function senderIn(value: unknown): Sender | undefined {
  return typeof value === "string" ? parseSender(value) : undefined;
}

function jtiIn(value: unknown): Jti | undefined {
  return typeof value === "string" ? parseJti(value) : undefined;
}

function momentIn(value: unknown): EpochSeconds | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0
    ? epochSeconds(value)
    : undefined;
}

function areScopes(value: unknown): value is Scopes {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
