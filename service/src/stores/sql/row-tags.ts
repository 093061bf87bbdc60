import { createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import type { KeyEncryptionKeys } from "../../keys/custody/key-encryption-keys.ts";

/** HMAC-SHA-256 over stored texts: write access to the database is not enough to make one. */
export interface RowTags {
  /** A tag over a text, `kek.tag`, under the first key-encryption key. */
  tag(text: string): string;
  /** Whether a tag is ours and belongs to the text. Constant time. */
  verify(text: string, tag: string): boolean;
}

/** Tags under keys that are derived from the key-encryption keys for this use only. */
export function rowTags(keks: KeyEncryptionKeys): RowTags {
  const keys = new Map(keks.map((kek) => [kek.id, kek.derive("tagging")] as const));
  const [first] = keks;
  const firstKey = first.derive("tagging");
  return {
    tag: (text) => tagWith(first.id, firstKey, text),
    verify(text, tag) {
      const [id = ""] = tag.split(".", 1);
      const key = keys.get(id);
      if (key === undefined) return false;
      const [expected, given] = [Buffer.from(tagWith(id, key, text)), Buffer.from(tag)];
      return expected.length === given.length && timingSafeEqual(expected, given);
    },
  };
}

function tagWith(id: string, key: KeyObject, text: string): string {
  return `${id}.${createHmac("sha256", key).update(text).digest("base64url")}`;
}
