import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";

export const KEK_BYTES = 32;
const ID_BYTES = 6;

/**
 * A key-encryption key. It is never used directly: for each use another key is derived from it (HKDF-SHA-256, RFC 5869), so that no
 * key has two uses.
 */
export interface KeyEncryptionKey {
  /** Its name in stored data: 8 characters of base64url that reveal nothing about it. */
  readonly id: string;
  /** The key of 32 bytes for one use. */
  derive(use: "sealing" | "tagging"): KeyObject;
}

/** At least one. The first seals and tags; all open and verify. */
export type KeyEncryptionKeys = readonly [KeyEncryptionKey, ...KeyEncryptionKey[]];

/** The key-encryption keys of these bytes, 32 each. */
export function keksOf([first, ...others]: readonly [Buffer, ...Buffer[]]): KeyEncryptionKeys {
  return [kekOf(first), ...others.map(kekOf)];
}

function kekOf(secret: Buffer): KeyEncryptionKey {
  const part = (use: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync("sha256", secret, Buffer.alloc(0), `macp-auth ${use}`, bytes));
  return {
    id: part("id", ID_BYTES).toString("base64url"),
    derive: (use) => createSecretKey(part(use, KEK_BYTES)),
  };
}

/** Why a text holds no usable key-encryption keys. */
export type KekFault = "not-32-bytes" | "one-byte-repeated" | "same-key-twice";

/** Reads key-encryption keys: 32 bytes each, base64url, base64 or hex, separated by commas or white space; lines that begin with # are comments. */
export function parseKeks(text: string): readonly [Buffer, ...Buffer[]] | KekFault {
  const keks = text
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("#"))
    .join(" ")
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map((part) =>
      /^[0-9a-fA-F]{64}$/.test(part) ? Buffer.from(part, "hex") : Buffer.from(part, "base64url"),
    );
  const [first, ...others] = keks;
  if (first === undefined || keks.some((kek) => kek.length !== KEK_BYTES)) return "not-32-bytes";
  if (keks.some((kek) => kek.every((byte) => byte === kek[0]))) return "one-byte-repeated";
  if (new Set(keks.map((kek) => kek.toString("hex"))).size !== keks.length) return "same-key-twice";
  return [first, ...others];
}
