import { createPublicKey } from "node:crypto";
import type { ForeignAlgorithm, ForeignKey } from "./foreign-key.ts";

const base64url = (hex: string): string => Buffer.from(hex, "hex").toString("base64url");

/** Any odd number of 2048 bits: what it verifies is nothing, and takes as long as for a real key. */
const RSA = { kty: "RSA", n: base64url("a5".repeat(256)), e: "AQAB" };

/** The base points of the curves (SP 800-186 section 3.2.1, RFC 8032 section 5.1): points that need no making. */
const P_256 = {
  kty: "EC",
  crv: "P-256",
  x: base64url("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
  y: base64url("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
};
const P_384 = {
  kty: "EC",
  crv: "P-384",
  x: base64url(
    "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
  ),
  y: base64url(
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
  ),
};
const ED25519 = { kty: "OKP", crv: "Ed25519", x: base64url(`58${"66".repeat(31)}`) };

const DECOYS: Readonly<Record<ForeignAlgorithm, typeof RSA | typeof P_256 | typeof ED25519>> = {
  RS256: RSA,
  RS384: RSA,
  RS512: RSA,
  PS256: RSA,
  ES256: P_256,
  ES384: P_384,
  EdDSA: ED25519,
};

/** A key of nobody: verifying with it costs what verifying with a caller's or an issuer's key costs, and its outcome is never looked at. */
export function decoyKey(algorithm: ForeignAlgorithm): ForeignKey {
  const publicKey = createPublicKey({ key: DECOYS[algorithm], format: "jwk" });
  return { kid: undefined, algorithms: [algorithm], publicKey };
}
