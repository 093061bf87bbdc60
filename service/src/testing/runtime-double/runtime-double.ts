import { createPublicKey, type JsonWebKey, type KeyObject, verify } from "node:crypto";
import type { Clock, Stopwatch } from "../../kernel/clock.ts";
import { type Rights, rightsOf } from "../../scopes/meaning.ts";
import { SCOPE_FIELDS } from "../../scopes/scopes.ts";

/** How one MACP runtime is configured to check tokens. Defaults of the runtime: 300 s, 3,600 s, 60 s. */
export interface RuntimeDoubleSettings {
  readonly issuer: string;
  readonly audience: string;
  /** T: how long a fetched set is used before it is fetched again. */
  readonly ttlSeconds: number;
  /** G: how long after T it is still used while fetching fails. */
  readonly graceSeconds: number;
  /** λ: how long after `exp` a token is still accepted. */
  readonly expLeewaySeconds: number;
}

export interface RuntimeDoubleDeps {
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  /** The body of the JWKS answer, whatever its status and headers: the runtime looks at neither. Rejects when there is none in time. */
  readonly fetch: () => Promise<string>;
}

/** Who the bearer of a token is to the runtime, and what it may do. */
export interface Identity extends Rights {
  readonly sender: string;
}

/** What the runtime says to an `authorization` header. `not_a_jwt`: it asks its next resolver. */
export type Verdict =
  | { readonly kind: "accepted"; readonly identity: Identity }
  | { readonly kind: "not_a_jwt" }
  | { readonly kind: "rejected"; readonly reason: Rejection };

export type Rejection =
  | "no_keys"
  | "malformed"
  | "algorithm"
  | "signature"
  | "claims"
  | "expired"
  | "issuer"
  | "audience";

/** A key set that the runtime holds, and when its fetch ended on its stopwatch. */
export interface HeldSet {
  readonly keys: readonly HeldKey[];
  readonly fetchedAt: number;
}

type Alg = "RS256" | "ES256";

interface HeldKey {
  readonly kid: string | undefined;
  /** `undefined`: a symmetric key, held but never used with the default algorithms. */
  readonly alg: Alg | undefined;
  verifies(input: Buffer, signature: Buffer): boolean;
}

/**
 * The JWT resolver of the MACP runtime 0.6.1 (crates/macp-auth/src/auth/resolvers/jwt_bearer.rs over jsonwebtoken 9.3.1),
 * line for line in what it accepts; its oddities are the point. Two things are beyond JavaScript's JSON reader: a member that
 * is there twice (the runtime rejects it) and a whole number written with a fraction, `1.0` (likewise in `max_open_sessions`).
 */
export class RuntimeDouble {
  readonly #settings: RuntimeDoubleSettings;
  readonly #deps: RuntimeDoubleDeps;
  #held: HeldSet | undefined;
  #refreshes: Promise<unknown> = Promise.resolve();

  constructor(settings: RuntimeDoubleSettings, deps: RuntimeDoubleDeps) {
    this.#settings = settings;
    this.#deps = deps;
  }

  /** What it last fetched, fresh or not; `undefined` before the first good fetch. */
  get held(): HeldSet | undefined {
    return this.#held;
  }

  /** Whether the set is younger than T, so that no request makes it fetch. */
  get fresh(): boolean {
    return this.#heldFor(this.#settings.ttlSeconds) !== undefined;
  }

  /** Whether the set could still be used if fetching failed now. */
  get usable(): boolean {
    return this.#heldFor(this.#settings.ttlSeconds + this.#settings.graceSeconds) !== undefined;
  }

  /** Checks the `authorization` header of one request. */
  async check(authorization: string | undefined): Promise<Verdict> {
    if (authorization?.startsWith("Bearer ") !== true) return { kind: "not_a_jwt" };
    const token = authorization.slice("Bearer ".length);
    if (!token.includes(".")) return { kind: "not_a_jwt" };
    const keys = await this.keys();
    return keys === undefined ? rejected("no_keys") : this.#checkAgainst(keys, token);
  }

  /** The keys that a request at this moment is checked against; `undefined` when there are none. Never looks at the token. */
  async keys(): Promise<readonly HeldKey[] | undefined> {
    const { ttlSeconds, graceSeconds } = this.#settings;
    if (this.fresh) return this.#held?.keys;
    return this.#oneAtATime(async () => {
      const fresh = this.#heldFor(ttlSeconds);
      if (fresh !== undefined) return fresh.keys;
      const fetched = await this.#deps.fetch().then(usableKeysOf, () => undefined);
      // A failed fetch leaves no trace: the next request tries again.
      if (fetched === undefined) return this.#heldFor(ttlSeconds + graceSeconds)?.keys;
      this.#held = { keys: fetched, fetchedAt: this.#deps.stopwatch.elapsed() };
      return fetched;
    });
  }

  #heldFor(seconds: number): HeldSet | undefined {
    return this.#held !== undefined && this.#deps.stopwatch.elapsed() - this.#held.fetchedAt < seconds
      ? this.#held
      : undefined;
  }

  #oneAtATime<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#refreshes.then(run);
    this.#refreshes = turn.catch(() => undefined);
    return turn;
  }

  #checkAgainst(keys: readonly HeldKey[], token: string): Verdict {
    const parts = token.split(".");
    const header = parts.length === 3 ? headerOf(parts[0] ?? "") : undefined;
    if (header === undefined) return rejected("malformed");
    if (header.alg !== "RS256" && header.alg !== "ES256") return rejected("algorithm");
    const [head = "", payload = "", signature = ""] = parts;
    const input = Buffer.from(`${head}.${payload}`);
    const named = keys.filter((key) => header.kid !== undefined && key.kid === header.kid);
    let verdict: Verdict = rejected("no_keys");
    for (const key of named.length > 0 ? named : keys) {
      if (key.alg !== header.alg) verdict = rejected("algorithm");
      else if (!verifiesText(key, input, signature)) verdict = rejected("signature");
      else verdict = this.#checkClaims(payload);
      if (verdict.kind === "accepted") return verdict;
    }
    return verdict;
  }

  #checkClaims(payload: string): Verdict {
    const claims = objectOf(payload);
    const identity = claims && identityOf(claims);
    const exp = claims?.["exp"];
    if (identity === undefined || typeof exp !== "number" || exp < 0) return rejected("claims");
    if (Math.round(exp) < this.#deps.clock.now() - this.#settings.expLeewaySeconds)
      return rejected("expired");
    if (!matches(claims?.["iss"], this.#settings.issuer)) return rejected("issuer");
    if (!matches(claims?.["aud"], this.#settings.audience)) return rejected("audience");
    return { kind: "accepted", identity };
  }
}

/** Whether the runtime lets its bearer use a mode; `""` is what ambient signals need. `"*"` is no wildcard. */
export function allowsMode(identity: Identity, mode: string): boolean {
  return identity.allowed_modes === undefined || identity.allowed_modes.includes(mode);
}

/** The usable keys of a JWKS body; `undefined` when it is no JSON, no key set, or holds none. */
function usableKeysOf(body: string): readonly HeldKey[] | undefined {
  const keys = parsedJson(body)?.["keys"];
  if (!Array.isArray(keys)) return undefined;
  const usable = keys.map(heldKeyOf).filter((key) => key !== undefined);
  return usable.length > 0 ? usable : undefined;
}

/** RSA and EC keys whose numbers are base64url, and every symmetric one. `alg`, `use`, `crv` are not read. */
function heldKeyOf(jwk: unknown): HeldKey | undefined {
  if (typeof jwk !== "object" || jwk === null) return undefined;
  const text = (name: string): string | undefined => textIn(jwk as Record<string, unknown>, name);
  const kid = text("kid");
  const [n, e, x, y] = ["n", "e", "x", "y"].map((name) => bytesOf(text(name) ?? ""));
  switch (text("kty")) {
    case "RSA":
      return n?.length && e?.length
        ? { kid, alg: "RS256", verifies: verifierOf(() => rsaKey(n, e)) }
        : undefined;
    case "EC":
      return x?.length && y?.length
        ? { kid, alg: "ES256", verifies: verifierOf(() => ecKey(x, y)) }
        : undefined;
    case "oct":
      return text("k") === undefined ? undefined : { kid, alg: undefined, verifies: () => false };
    default:
      return undefined;
  }
}

/** The key is built at its first use: one that cannot be built is held, and verifies nothing. */
function verifierOf(build: () => KeyObject | undefined): HeldKey["verifies"] {
  let key: KeyObject | "bad" | undefined;
  return (input, signature) => {
    key ??= built(build) ?? "bad";
    return key !== "bad" && verify("sha256", input, { key, dsaEncoding: "ieee-p1363" }, signature);
  };
}

function built(build: () => KeyObject | undefined): KeyObject | undefined {
  try {
    return build();
  } catch {
    return undefined;
  }
}

function rsaKey(n: Buffer, e: Buffer): KeyObject | undefined {
  const key = publicKeyOf({ kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") });
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return n[0] !== 0 && bits >= 2048 && bits <= 8192 ? key : undefined;
}

function ecKey(x: Buffer, y: Buffer): KeyObject | undefined {
  return publicKeyOf({ kty: "EC", crv: "P-256", x: x.toString("base64url"), y: y.toString("base64url") });
}

function publicKeyOf(jwk: JsonWebKey): KeyObject {
  return createPublicKey({ key: jwk, format: "jwk" });
}

function verifiesText(key: HeldKey, input: Buffer, signature: string): boolean {
  const bytes = bytesOf(signature);
  return bytes !== undefined && key.verifies(input, bytes);
}

function headerOf(segment: string): { readonly alg: string; readonly kid: string | undefined } | undefined {
  const header = objectOf(segment);
  if (header === undefined) return undefined;
  const texts = ["typ", "cty", "jku", "kid", "x5u", "x5t", "x5t#S256"].map(
    (name) => header[name] ?? undefined,
  );
  const alg = header["alg"];
  if (typeof alg !== "string" || texts.some((value) => value !== undefined && typeof value !== "string"))
    return undefined;
  return { alg, kid: textIn(header, "kid") };
}

/** `undefined` when `sub` or one known scope is of a wrong type, which rejects the whole token. */
function identityOf(claims: Record<string, unknown>): Identity | undefined {
  const sender = claims["sub"];
  const scopes = claims["macp_scopes"] ?? {};
  if (!isText(sender) || typeof scopes !== "object") return undefined;
  // A list is read as the fields in their order.
  if (Array.isArray(scopes) && scopes.length > SCOPE_FIELDS.length) return undefined;
  const named = Array.isArray(scopes)
    ? Object.fromEntries(SCOPE_FIELDS.map((field, index) => [field, (scopes as unknown[])[index]]))
    : (scopes as Record<string, unknown>);
  const rights = rightsOf(named);
  return rights && { sender, ...rights };
}

/** Absent, null and of a type that is neither text nor a list of texts: not looked at. A list must hold the wanted text. */
function matches(value: unknown, wanted: string): boolean {
  if (isText(value)) return value === wanted;
  return !(Array.isArray(value) && value.every(isText)) || value.includes(wanted);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.isWellFormed();
}

function textIn(object: Record<string, unknown>, name: string): string | undefined {
  const value = object[name];
  return typeof value === "string" ? value : undefined;
}

function objectOf(segment: string): Record<string, unknown> | undefined {
  const bytes = bytesOf(segment);
  return bytes && parsedJson(bytes.toString("utf8"));
}

function parsedJson(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** base64url without padding, as strict as the runtime: no other characters, no loose bits. */
function bytesOf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64url");
  return bytes.toString("base64url") === text ? bytes : undefined;
}

function rejected(reason: Rejection): Verdict {
  return { kind: "rejected", reason };
}
