import { type KeyObject, sign, verify } from "node:crypto";
import { promisify } from "node:util";
import { Impossible } from "../kernel/assert.ts";
import { inPoolTogether } from "../kernel/thread-pool.ts";
import { ALGORITHM_FACTS, type Algorithm } from "./algorithm.ts";

/** Port. Signs the bytes of a JWS signing input (RFC 7515 section 5.1) with one key and one algorithm. */
export interface Signer {
  readonly alg: Algorithm;
  /** Length of a signature as base64url, so that a token's size is known before it is signed. */
  readonly signatureChars: number;
  /**
   * The raw JWS signature: PKCS#1 v1.5 for RS256, r‖s of 64 bytes for ES256 (RFC 7518 sections 3.3, 3.4).
   * Rejects when the key cannot be used.
   */
  sign(input: Buffer): Promise<Buffer>;
}

/** Signs in libuv's thread pool, so the event loop never waits for a signature. */
export function localSigner(alg: Algorithm, privateKey: KeyObject): Signer {
  const { hash, dsaEncoding, signatureChars } = ALGORITHM_FACTS[alg];
  const key = { key: privateKey, dsaEncoding };
  return {
    alg,
    signatureChars: signatureChars(privateKey),
    sign: (input) => inPoolTogether(() => signInPool(hash, input, key)),
  };
}

const signInPool = promisify(sign);

/**
 * A signer whose signatures are verified with the public key until the first one passes. So a key that does not belong to its JWKS
 * entry is found before a token is released.
 */
export function checkedSigner(signer: Signer, publicKey: KeyObject): Signer {
  const { hash, dsaEncoding } = ALGORITHM_FACTS[signer.alg];
  let checked = false;
  return {
    alg: signer.alg,
    signatureChars: signer.signatureChars,
    async sign(input) {
      const signature = await signer.sign(input);
      if (!checked) {
        if (!verify(hash, input, { key: publicKey, dsaEncoding }, signature)) {
          throw new Impossible("a signature does not verify with the public key that the JWKS serves");
        }
        checked = true;
      }
      return signature;
    },
  };
}
