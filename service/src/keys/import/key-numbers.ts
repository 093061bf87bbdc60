import type { KeyFault } from "./import-fault.ts";
import { weaknessOf } from "./weak-rsa.ts";

const RSA_BITS_MIN = 2048;
/** The runtime's verifier rejects larger ones. */
const RSA_BITS_MAX = 8192;
const RSA_EXPONENT = 65_537n;
const RSA_PRIVATE = ["d", "p", "q", "dp", "dq", "qi"] as const;
const EC_BYTES = 32;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** What is wrong with the members of an RSA JWK (RFC 7518 section 6.3); nothing when it is valid. */
export function faultsOfRsa(jwk: Record<string, unknown>): readonly KeyFault[] {
  const present = RSA_PRIVATE.filter((name) => jwk[name] !== undefined);
  const faults = faultsOfMembers(jwk, ["n", "e", ...present]);
  if (present.length > 0 && present.length < RSA_PRIVATE.length)
    faults.push({ reason: "private_incomplete" });
  if (jwk["oth"] !== undefined) faults.push({ reason: "more_primes" });
  if (faults.length > 0) return faults;
  const fault = faultOfPublicNumbers(jwk) ?? (present.length > 0 ? faultOfPrivateNumbers(jwk) : undefined);
  return fault === undefined ? [] : [fault];
}

/** The same for an EC JWK (RFC 7518 section 6.2). Whether the point is on the curve is for the library to say. */
export function faultsOfEc(jwk: Record<string, unknown>): readonly KeyFault[] {
  if (jwk["crv"] !== "P-256") return [{ reason: "curve" }];
  const names = jwk["d"] === undefined ? ["x", "y"] : ["x", "y", "d"];
  const faults = faultsOfMembers(jwk, names);
  if (faults.length > 0) return faults;
  return names
    .filter((name) => bytesOf(jwk[name]).length !== EC_BYTES)
    .map((member) => ({ reason: "member_length", member, bytes: EC_BYTES }));
}

function faultsOfMembers(jwk: Record<string, unknown>, names: readonly string[]): KeyFault[] {
  return names
    .filter((name) => typeof jwk[name] !== "string" || !BASE64URL.test(jwk[name]))
    .map((member) => ({ reason: "member_invalid", member }));
}

function faultOfPublicNumbers(jwk: Record<string, unknown>): KeyFault | undefined {
  const modulus = unsigned(jwk["n"]);
  const bits = modulus.toString(2).length;
  if (bits < RSA_BITS_MIN) return { reason: "rsa_too_short", bits, bitsBound: RSA_BITS_MIN };
  if (bits > RSA_BITS_MAX) return { reason: "rsa_too_long", bits, bitsBound: RSA_BITS_MAX };
  if (unsigned(jwk["e"]) !== RSA_EXPONENT) return { reason: "exponent" };
  const weakness = weaknessOf(modulus);
  return weakness && { reason: "weak", weakness };
}

/**
 * Whether the private numbers belong together, by RFC 8017 section 3.2. A trial signature does not show it: when one of them is
 * wrong the library falls back to the others, and what reads the key next may not.
 */
function faultOfPrivateNumbers(jwk: Record<string, unknown>): KeyFault | undefined {
  const number = (name: string): bigint => unsigned(jwk[name]);
  const [n, e, d, p, q] = [number("n"), number("e"), number("d"), number("p"), number("q")];
  const fits = (exponent: bigint, prime: bigint): boolean =>
    exponent === d % (prime - 1n) && (e * d) % (prime - 1n) === 1n;
  // Primes first: the modulus is odd, so that neither is 2, and without 0 and 1 nothing below divides by zero.
  const belong =
    p > 1n &&
    q > 1n &&
    p * q === n &&
    fits(number("dp"), p) &&
    fits(number("dq"), q) &&
    (number("qi") * q) % p === 1n;
  return belong ? undefined : { reason: "private_inconsistent" };
}

function bytesOf(member: unknown): Buffer {
  return Buffer.from(String(member), "base64url");
}

function unsigned(member: unknown): bigint {
  return BigInt(`0x${bytesOf(member).toString("hex") || "0"}`);
}
