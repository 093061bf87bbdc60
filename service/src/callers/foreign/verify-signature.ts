import { constants, type KeyObject, verify } from "node:crypto";
import { promisify } from "node:util";
import { inPoolTogether } from "../../kernel/thread-pool.ts";
import type { CompactJws } from "./compact-jws.ts";
import type { ForeignAlgorithm, ForeignKey } from "./foreign-key.ts";

/** How the library verifies each algorithm (RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1). */
interface Scheme {
  /** `undefined`: the algorithm has its own. */
  readonly hash: "sha256" | "sha384" | "sha512" | undefined;
  readonly options: {
    readonly dsaEncoding?: "ieee-p1363";
    readonly padding?: number;
    readonly saltLength?: number;
  };
}

const PKCS1 = { padding: constants.RSA_PKCS1_PADDING };
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
/** r‖s as JWS has it, not DER. */
const PAIR = { dsaEncoding: "ieee-p1363" } as const;

const SCHEMES: Readonly<Record<ForeignAlgorithm, Scheme>> = {
  RS256: { hash: "sha256", options: PKCS1 },
  RS384: { hash: "sha384", options: PKCS1 },
  RS512: { hash: "sha512", options: PKCS1 },
  PS256: { hash: "sha256", options: PSS },
  ES256: { hash: "sha256", options: PAIR },
  ES384: { hash: "sha384", options: PAIR },
  EdDSA: { hash: undefined, options: {} },
};

/** Whether one of the keys signed the text. The algorithm is the one that the header was read with, and the key must allow it. */
export async function isSignedByOne(jws: CompactJws, keys: readonly ForeignKey[]): Promise<boolean> {
  for (const key of keys) if (await isSignedBy(jws, key)) return true;
  return false;
}

function isSignedBy({ text, alg }: CompactJws, key: ForeignKey): Promise<boolean> {
  if (!key.algorithms.includes(alg)) return Promise.resolve(false);
  const end = text.lastIndexOf(".");
  return verified(alg, key.publicKey, text.slice(0, end), Buffer.from(text.slice(end + 1), "base64url"));
}

/** Verified in the thread pool. What the library cannot read as a signature of this kind is none. */
function verified(
  alg: ForeignAlgorithm,
  publicKey: KeyObject,
  signed: string,
  signature: Buffer,
): Promise<boolean> {
  const { hash, options } = SCHEMES[alg];
  const key = { key: publicKey, ...options };
  return inPoolTogether(() => verifyInPool(hash, Buffer.from(signed), key, signature)).catch(() => false);
}

const verifyInPool = promisify(verify);
