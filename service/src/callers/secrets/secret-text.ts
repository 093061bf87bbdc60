import { createHash } from "node:crypto";
import type { Random } from "../../kernel/random.ts";
import { Secret } from "../../kernel/secret.ts";

/** What every generated secret begins with, for secret scanners. */
export const SECRET_PREFIX = "macps_";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";
const ID_CHARS = 12;
const CHECKSUM_CHARS = 6;
const SECRET_BYTES = 32;
const FORM = /^(macps_([a-z2-7]{12})_[A-Za-z0-9_-]{43})_([a-z2-7]{6})$/;

/**
 * A fresh shared secret: `macps_`, an id of 60 random bits, 256 random bits in base64url, and a checksum, with `_` between them. The
 * id is no secret. The checksum finds a text that was cut or mistyped before anything is looked up; it proves nothing.
 */
export function generateSecret(random: Random): Secret {
  const id = base32(random.bytes(ID_CHARS));
  const start = `${SECRET_PREFIX}${id}_${random.bytes(SECRET_BYTES).toString("base64url")}`;
  return new Secret(`${start}_${checksumOf(start)}`);
}

/** The id inside a secret; `undefined` when the text does not have the form or the checksum of one. */
export function idOfSecret(text: string): string | undefined {
  const [, start = "", id, checksum] = FORM.exec(text) ?? [];
  return checksum === checksumOf(start) ? id : undefined;
}

/** The id where the id of a secret stands; the rest is not checked. Much cheaper than `idOfSecret`, for what is checked by its hash anyway. */
export function writtenIdOf(text: string): string {
  return text.slice(SECRET_PREFIX.length, SECRET_PREFIX.length + ID_CHARS);
}

function checksumOf(start: string): string {
  return base32(createHash("sha256").update(start).digest().subarray(0, CHECKSUM_CHARS));
}

/** One character for each byte, of its low five bits. */
function base32(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => BASE32.charAt(byte & 31)).join("");
}
