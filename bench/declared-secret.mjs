import { randomBytes } from "node:crypto";

/**
 * A module of the built service; its types are those of its source.
 * @param {string} name
 */
const built = (name) => import(new URL(`../service/dist/${name}.js`, import.meta.url).href);
/** @type {typeof import("../service/src/callers/secrets/secret-text.ts")} */
const { generateSecret } = await built("callers/secrets/secret-text");
/** @type {typeof import("../service/src/callers/secrets/secret-hash.ts")} */
const { hashSecret, writeSecretHash } = await built("callers/secrets/secret-hash");
const random = { bytes: randomBytes };

/** A new shared secret: as its caller presents it, and as an access document declares it. */
export function declaredSecret() {
  const made = generateSecret(random);
  return { text: made.reveal(), line: writeSecretHash(hashSecret(random, made)) };
}
