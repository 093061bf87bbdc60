import { generateKeyPair, type JsonWebKey, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import { Impossible } from "../../kernel/assert.ts";
import type { Algorithm } from "../algorithm.ts";
import { type ImportedKey, importJwk } from "../import/import-key.ts";

const generate = promisify(generateKeyPair);

/** Makes a fresh key pair: RSA of `rsaBits` with e = 65537 for RS256, P-256 for ES256. Runs in the thread pool. */
async function makePrivateKey(alg: Algorithm, rsaBits = 2048): Promise<KeyObject> {
  if (alg === "ES256") return (await generate("ec", { namedCurve: "P-256" })).privateKey;
  return (await generate("rsa", { modulusLength: rsaBits, publicExponent: 0x10001 })).privateKey;
}

/** A fresh key that has passed the same import rules as any other; its kid is its thumbprint. */
export async function makeKey(alg: Algorithm, rsaBits = 2048): Promise<ImportedKey> {
  for (;;) {
    const outcome = importJwk(JSON.stringify((await makePrivateKey(alg, rsaBits)).export({ format: "jwk" })));
    const key = outcome.kind === "imported" ? outcome.keys[0] : undefined;
    if (key === undefined) throw new Impossible("a key made here does not pass the import rules");
    // One thumbprint in 64 begins with a dash, and a command line would take such a kid for an option.
    if (!key.kid.startsWith("-")) return key;
  }
}

/** The private JWK of a key, with the members that say what it is for. Secret: for writing a key file alone. */
export function privateJwkOf(privateKey: KeyObject, kid: string, alg: Algorithm): JsonWebKey {
  return { ...privateKey.export({ format: "jwk" }), kid, alg, use: "sig" };
}
