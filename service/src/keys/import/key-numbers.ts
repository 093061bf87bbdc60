import { weaknessOf } from "./weak-rsa.ts";

/** The mend for a key that cannot be mended. */
export const MAKE_ONE = "make one with: macp-auth keygen";

const RSA_BITS_MIN = 2048;
/** The runtime's verifier refuses larger ones. */
const RSA_BITS_MAX = 8192;
const RSA_EXPONENT = 65_537n;
const RSA_PRIVATE = ["d", "p", "q", "dp", "dq", "qi"] as const;
const EC_BYTES = 32;
const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** Why the members of an RSA JWK are refused, one line each without key material (RFC 7518 section 6.3); none for a sound key. */
export function faultsOfRsa(jwk: Record<string, unknown>): readonly string[] {
  const present = RSA_PRIVATE.filter((name) => jwk[name] !== undefined);
  const faults = faultsOfMembers(jwk, ["n", "e", ...present]);
  if (present.length > 0 && present.length < RSA_PRIVATE.length)
    faults.push("lacks some of d, p, q, dp, dq, qi; export the whole private key");
  if (jwk["oth"] !== undefined) faults.push("has more than two primes (oth); use a two-prime key");
  if (faults.length > 0) return faults;
  const fault = faultOfPublicNumbers(jwk) ?? (present.length > 0 ? faultOfPrivateNumbers(jwk) : undefined);
  return fault === undefined ? [] : [fault];
}

/** Why the members of an EC JWK are refused, as above (RFC 7518 section 6.2). That the point is on the curve is for the library to say. */
export function faultsOfEc(jwk: Record<string, unknown>): readonly string[] {
  if (jwk["crv"] !== "P-256") return [`is an EC key that is not on the curve P-256; ${MAKE_ONE}`];
  const names = jwk["d"] === undefined ? ["x", "y"] : ["x", "y", "d"];
  const faults = faultsOfMembers(jwk, names);
  if (faults.length > 0) return faults;
  return names
    .filter((name) => bytesOf(jwk[name]).length !== EC_BYTES)
    .map((name) => `has a member ${name} that is not 32 bytes long (RFC 7518 section 6.2)`);
}

function faultsOfMembers(jwk: Record<string, unknown>, names: readonly string[]): string[] {
  return names
    .filter((name) => typeof jwk[name] !== "string" || !BASE64URL.test(jwk[name]))
    .map((name) => `has a member ${name} that is missing or not base64url`);
}

function faultOfPublicNumbers(jwk: Record<string, unknown>): string | undefined {
  const modulus = unsigned(jwk["n"]);
  const bits = modulus.toString(2).length;
  if (bits < RSA_BITS_MIN) return `is an RSA key of ${String(bits)} bits, fewer than 2048; ${MAKE_ONE}`;
  if (bits > RSA_BITS_MAX)
    return `is an RSA key of ${String(bits)} bits, more than the runtime's 8192; ${MAKE_ONE}`;
  if (unsigned(jwk["e"]) !== RSA_EXPONENT) return `has a public exponent other than 65537; ${MAKE_ONE}`;
  const weakness = weaknessOf(modulus);
  return weakness === undefined ? undefined : `is weak: ${weakness}; ${MAKE_ONE}`;
}

/**
 * Why the private numbers are refused, against RFC 8017 section 3.2. A trial signature does not tell: when one of them is wrong
 * the library falls back to the others, and what reads the key next may not.
 */
function faultOfPrivateNumbers(jwk: Record<string, unknown>): string | undefined {
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
  return belong ? undefined : "has private members that do not belong together; export the key again";
}

function bytesOf(member: unknown): Buffer {
  return Buffer.from(String(member), "base64url");
}

function unsigned(member: unknown): bigint {
  return BigInt(`0x${bytesOf(member).toString("hex") || "0"}`);
}
