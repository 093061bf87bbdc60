import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  timingSafeEqual,
} from "node:crypto";
import type { Random } from "../../kernel/random.ts";

/** A private key at rest: AES-256-GCM (NIST SP 800-38D) under one key-encryption key. */
export interface SealedKey {
  /** Which key-encryption key opens it. */
  readonly kek: string;
  /** base64url: 12 random bytes, the ciphertext, 16 bytes of tag. */
  readonly box: string;
}

/**
 * The key-encryption keys. The first seals; all open. Derived from each, never the key itself: one key for AES-256-GCM and one
 * for HMAC-SHA-256 over stored rows (RFC 5869), so that no key has two uses.
 */
export interface Sealer {
  /** Seals bytes to a place: the same bytes cannot be opened at another. */
  seal(bytes: Buffer, place: string): SealedKey;
  /** `undefined` when the box was altered, moved from its place, or sealed with a key that is not here. */
  open(sealed: SealedKey, place: string): Buffer | undefined;
  /** A tag over a stored text, `kek.tag`. */
  tag(text: string): string;
  /** Whether a tag is ours and belongs to the text. Constant time. */
  verifyTag(text: string, tag: string): boolean;
  /** Whether the box is sealed with the first key. */
  isCurrent(sealed: SealedKey): boolean;
}

export const KEK_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface Derived {
  readonly id: string;
  readonly sealing: KeyObject;
  readonly tagging: KeyObject;
}

/** A sealer over key-encryption keys of 32 bytes each, the first of which seals. At least one. */
export function sealerOf(keks: readonly [Buffer, ...Buffer[]], random: Random): Sealer {
  const derived = keks.map(derive);
  const [first] = derived as [Derived, ...Derived[]];
  const byId = new Map(derived.map((kek) => [kek.id, kek]));
  return {
    seal(bytes, place) {
      const nonce = random.bytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", first.sealing, nonce).setAAD(Buffer.from(place));
      const box = Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
      return { kek: first.id, box: box.toString("base64url") };
    },
    open(sealed, place) {
      const kek = byId.get(sealed.kek);
      const box = Buffer.from(sealed.box, "base64url");
      // A text that decodes to the same bytes in two ways would be an altered row that nobody notices.
      if (
        kek === undefined ||
        box.length < NONCE_BYTES + TAG_BYTES ||
        box.toString("base64url") !== sealed.box
      )
        return undefined;
      const decipher = createDecipheriv("aes-256-gcm", kek.sealing, box.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(place)).setAuthTag(box.subarray(-TAG_BYTES));
      try {
        return Buffer.concat([decipher.update(box.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
      } catch {
        return undefined;
      }
    },
    tag: (text) => tagWith(first, text),
    verifyTag(text, tag) {
      const kek = byId.get(tag.split(".", 1)[0] ?? "");
      if (kek === undefined) return false;
      const [wanted, given] = [Buffer.from(tagWith(kek, text)), Buffer.from(tag)];
      return wanted.length === given.length && timingSafeEqual(wanted, given);
    },
    isCurrent: (sealed) => sealed.kek === first.id,
  };
}

function derive(kek: Buffer): Derived {
  const part = (use: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync("sha256", kek, Buffer.alloc(0), `macp-auth ${use}`, bytes));
  return {
    id: part("id", 6).toString("base64url"),
    sealing: createSecretKey(part("sealing", 32)),
    tagging: createSecretKey(part("tagging", 32)),
  };
}

function tagWith(kek: Derived, text: string): string {
  return `${kek.id}.${createHmac("sha256", kek.tagging).update(text).digest("base64url")}`;
}
