import { createHmac, timingSafeEqual } from "node:crypto";
import type { Random } from "../../kernel/random.ts";
import type { Secret } from "../../kernel/secret.ts";
import { idOfSecret } from "./secret-text.ts";

/** The stored form of a shared secret: an HMAC-SHA-256 of its whole text under a key of its own. */
export interface SecretHash {
  /** The id inside the secret; it finds the hash. Empty for a secret of another form. */
  readonly id: string;
  /** 16 bytes. */
  readonly key: Uint8Array;
  /** 32 bytes. */
  readonly mac: Uint8Array;
}

const KEY_BYTES = 16;
const STORED = /^hmac-sha256:([a-z2-7]{12}):([A-Za-z0-9_-]{22}):([A-Za-z0-9_-]{43})$/;

/** The hash of a secret, under a fresh key. */
export function hashSecret(random: Random, secret: Secret): SecretHash {
  const text = secret.reveal();
  const key = random.bytes(KEY_BYTES);
  return { id: idOfSecret(text) ?? "", key, mac: macOf(key, text) };
}

/** A hash that no secret has: comparing with it costs what comparing with any other costs. */
export function decoyHash(random: Random): SecretHash {
  return { id: "", key: random.bytes(KEY_BYTES), mac: random.bytes(32) };
}

/** The hash as one line of text: `hmac-sha256:ID:KEY:MAC`, both in base64url. */
export function writeSecretHash({ id, key, mac }: SecretHash): string {
  return `hmac-sha256:${id}:${base64url(key)}:${base64url(mac)}`;
}

/** Reads what `writeSecretHash` writes; `undefined` for any other text. */
export function parseSecretHash(text: string): SecretHash | undefined {
  const [, id, keyText = "", macText = ""] = STORED.exec(text) ?? [];
  if (id === undefined) return undefined;
  const hash = { id, key: Buffer.from(keyText, "base64url"), mac: Buffer.from(macText, "base64url") };
  return writeSecretHash(hash) === text ? hash : undefined;
}

/** Whether a text is the secret of a hash. Its time depends on the length of the text only. */
export function isSecretOf(hash: SecretHash, text: string): boolean {
  return timingSafeEqual(macOf(hash.key, text), hash.mac);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function macOf(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
