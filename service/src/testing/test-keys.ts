import { generateKeyPairSync } from "node:crypto";
import { Impossible } from "../kernel/assert.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import { type ImportedKey, importJwk } from "../keys/import/import-key.ts";

/** A fresh key under a name that a test can read. */
export function testKey(kid: string, alg: Algorithm = "ES256"): ImportedKey {
  const { privateKey } =
    alg === "ES256"
      ? generateKeyPairSync("ec", { namedCurve: "P-256" })
      : generateKeyPairSync("rsa", { modulusLength: 2048 });
  const outcome = importJwk(JSON.stringify({ ...privateKey.export({ format: "jwk" }), kid }));
  const key = outcome.kind === "imported" ? outcome.keys[0] : undefined;
  if (key === undefined) throw new Impossible("a test key is not valid");
  return key;
}
