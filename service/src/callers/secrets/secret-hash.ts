import { hash, timingSafeEqual } from "node:crypto";
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
  const read = { id, key: Buffer.from(keyText, "base64url"), mac: Buffer.from(macText, "base64url") };
  return writeSecretHash(read) === text ? read : undefined;
}

/** Whether a text is the secret of a hash. Its time depends on the length of the text only. */
export function isSecretOf({ key, mac }: SecretHash, text: string): boolean {
  return timingSafeEqual(macOf(key, text), mac);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

/**
 * HMAC-SHA-256 (RFC 2104) by two hashes in one call each, at 1.1 microseconds. Node's own `createHmac` makes an object outside of the heap
 * for each request, and so does a digest that is returned as a buffer: 2.3 microseconds each way. As `binary`, a character is a byte.
 */
function macOf(key: Uint8Array, text: string): Buffer {
  const message = Buffer.allocUnsafe(BLOCK_BYTES + Buffer.byteLength(text));
  message.write(text, BLOCK_BYTES);
  const inner = hash("sha256", underPad(message, key, INNER_PAD), "binary");
  const outer = Buffer.allocUnsafe(BLOCK_BYTES + inner.length);
  outer.write(inner, BLOCK_BYTES, "binary");
  return Buffer.from(hash("sha256", underPad(outer, key, OUTER_PAD), "binary"), "binary");
}

const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Writes the key, which is shorter than a block, over the pad into the first block. */
function underPad(bytes: Buffer, key: Uint8Array, pad: number): Buffer {
  bytes.fill(pad, 0, BLOCK_BYTES);
  for (let index = 0; index < key.length; index += 1) bytes[index] = (key[index] ?? 0) ^ pad;
  return bytes;
}
