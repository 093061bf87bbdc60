import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { weaknessOf } from "../../keys/import/weak-rsa.ts";
import { type ForeignAlgorithm, type ForeignKey, parseForeignAlgorithm } from "./foreign-key.ts";

/** Why one key of a set is never used. The other keys of the set are. */
export type SkipReason =
  | "type_unknown"
  /** `oct`: who verifies with it can also sign. */
  | "symmetric"
  /** The private half is published with it: anyone may have signed. */
  | "private"
  /** `use` or `key_ops` names another purpose. */
  | "other_use"
  | "algorithm_unknown"
  | "algorithm_of_other_type"
  | "kid_invalid"
  | "numbers_invalid"
  /** RSA: not 2048 to 8192 bits, an exponent that is even, 1 or above 32 bits, or a modulus that can be factored. */
  | "weak";

/** `sig` of RFC 7517, or `jwt-svid` of the SPIFFE Trust Domain and Bundle specification, section 4.2.2. */
export type KeyUse = "sig" | "jwt-svid";

type Jwk = Readonly<Record<string, unknown>>;

const KID_CHARS_MAX = 256;
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth"];
const RSA_BITS_MIN = 2048;
const RSA_BITS_MAX = 8192;
const EXPONENT_MAX = 0xffff_ffffn;
const BASE64URL = /^[A-Za-z0-9_-]+$/;
const RSA_ALGORITHMS = ["RS256", "PS256", "RS384", "RS512"] as const;

/** The algorithms and the coordinate size of each curve (RFC 7518 section 6.2.1.1, RFC 8037 section 2). */
const CURVES: Readonly<
  Record<string, { kty: string; members: readonly string[]; bytes: number; algorithm: ForeignAlgorithm }>
> = {
  "P-256": { kty: "EC", members: ["x", "y"], bytes: 32, algorithm: "ES256" },
  "P-384": { kty: "EC", members: ["x", "y"], bytes: 48, algorithm: "ES384" },
  Ed25519: { kty: "OKP", members: ["x"], bytes: 32, algorithm: "EdDSA" },
};

/** Reads one JWK (RFC 7517 section 4) as a key that verifies signatures of others, or says why it never does. */
export function readForeignKey(member: unknown, use: KeyUse): ForeignKey | SkipReason {
  if (typeof member !== "object" || member === null) return "type_unknown";
  const jwk = member as Jwk;
  const fault = faultOfPurpose(jwk, use) ?? faultOfKid(jwk, use);
  if (fault !== undefined) return fault;
  const possible = jwk["kty"] === "RSA" ? RSA_ALGORITHMS : algorithmsOfCurve(jwk);
  if (possible === undefined) return "type_unknown";
  const algorithms = algorithmsOf(jwk, possible);
  if (typeof algorithms === "string") return algorithms;
  const publicKey = jwk["kty"] === "RSA" ? rsaKey(jwk) : curveKey(jwk);
  return typeof publicKey === "string"
    ? publicKey
    : { kid: jwk["kid"] as string | undefined, algorithms, publicKey };
}

function faultOfPurpose(jwk: Jwk, use: KeyUse): SkipReason | undefined {
  if (jwk["kty"] === "oct" || jwk["k"] !== undefined) return "symmetric";
  if (PRIVATE_MEMBERS.some((name) => jwk[name] !== undefined)) return "private";
  const isUseRight =
    use === "sig" ? [undefined, "sig"].includes(jwk["use"] as undefined) : jwk["use"] === use;
  const operations = jwk["key_ops"];
  const isForVerifying =
    operations === undefined || (Array.isArray(operations) && operations.includes("verify"));
  return isUseRight && isForVerifying ? undefined : "other_use";
}

/** A SPIFFE key always has a `kid` (Trust Domain and Bundle, section 4.2.3). */
function faultOfKid(jwk: Jwk, use: KeyUse): SkipReason | undefined {
  const kid = jwk["kid"];
  if (kid === undefined) return use === "jwt-svid" ? "kid_invalid" : undefined;
  const isValid = typeof kid === "string" && kid !== "" && kid.length <= KID_CHARS_MAX;
  return isValid ? undefined : "kid_invalid";
}

function algorithmsOfCurve(jwk: Jwk): readonly ForeignAlgorithm[] | undefined {
  const curve = curveOf(jwk);
  return curve === undefined ? undefined : [curve.algorithm];
}

function curveOf(jwk: Jwk): (typeof CURVES)[string] | undefined {
  const name = jwk["crv"];
  const curve = typeof name === "string" && Object.hasOwn(CURVES, name) ? CURVES[name] : undefined;
  return curve?.kty === jwk["kty"] ? curve : undefined;
}

function algorithmsOf(
  jwk: Jwk,
  possible: readonly ForeignAlgorithm[],
): readonly ForeignAlgorithm[] | SkipReason {
  const alg = jwk["alg"];
  if (alg === undefined) return possible;
  const known = typeof alg === "string" ? parseForeignAlgorithm(alg) : undefined;
  if (known === undefined) return "algorithm_unknown";
  return possible.includes(known) ? [known] : "algorithm_of_other_type";
}

function rsaKey(jwk: Jwk): KeyObject | SkipReason {
  const n = bytesOf(jwk["n"]);
  const e = bytesOf(jwk["e"]);
  if (n === undefined || e === undefined) return "numbers_invalid";
  const modulus = unsigned(n);
  const exponent = unsigned(e);
  const bits = modulus.toString(2).length;
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) return "weak";
  if (exponent <= 1n || exponent % 2n === 0n || exponent > EXPONENT_MAX) return "weak";
  if (weaknessOf(modulus) !== undefined) return "weak";
  return keyOf({ kty: "RSA", n: jwk["n"] as string, e: jwk["e"] as string });
}

function curveKey(jwk: Jwk): KeyObject | SkipReason {
  const curve = curveOf(jwk);
  if (curve === undefined) return "type_unknown";
  const isWhole = curve.members.every((name) => bytesOf(jwk[name])?.length === curve.bytes);
  if (!isWhole) return "numbers_invalid";
  const numbers = Object.fromEntries(curve.members.map((name) => [name, jwk[name] as string]));
  return keyOf({ kty: curve.kty, crv: jwk["crv"] as string, ...numbers });
}

/** Only public members are passed. The library rejects a point that is not on its curve. */
function keyOf(key: JsonWebKey): KeyObject | SkipReason {
  try {
    return createPublicKey({ key, format: "jwk" });
  } catch {
    return "numbers_invalid";
  }
}

function bytesOf(member: unknown): Buffer | undefined {
  return typeof member === "string" && BASE64URL.test(member) ? Buffer.from(member, "base64url") : undefined;
}

function unsigned(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex") || "0"}`);
}
