import { createCipheriv } from "node:crypto";
import type { EpochSeconds } from "../kernel/clock.ts";
import { JTI_TIME_BYTES, type Jti, jtiOf } from "../kernel/ids.ts";
import { LIST_ID_BYTES, listIdOf, type StatusPlace } from "./status-place.ts";

/** Bytes of the keys that hide places in token ids. */
export const HIDING_KEY_BYTES = 32;

const BLOCK_BYTES = 16;
const IDX_BYTES = 3;
const PLACE_BYTES = LIST_ID_BYTES + IDX_BYTES;
const PLACE_AT = BLOCK_BYTES - PLACE_BYTES;
const TAG_BYTES = PLACE_AT - JTI_TIME_BYTES;
const JTI_CHARS = 22;

/**
 * Token ids that hold the place of their token: so a revocation, which names tokens by id, finds their bits without a look at anything.
 * An id begins with its time, as all do. Then comes a tag over the time and the place, and the place under a mask that the time and the tag
 * decide (the form of RFC 5297, over one block): so two tokens never have the same id, and who does not have the keys sees random bits.
 */
export interface TokenIds {
  /** The id of a token that is issued at `iat`, of an index below 2^24. */
  idOf(place: StatusPlace, iat: EpochSeconds): Jti;
  /** The places that are held, each with the others: many at a time cost little. A random id seems to hold one once in 16 million. */
  placesOf(jtis: readonly string[]): readonly StatusPlace[];
}

/** The token ids of a store, whose keys are `HIDING_KEY_BYTES`. */
export function tokenIds(keys: Buffer): TokenIds {
  const half = HIDING_KEY_BYTES / 2;
  const [tagsOf, masksOf] = [blockCipher(keys.subarray(0, half)), blockCipher(keys.subarray(half))];
  return {
    idOf({ list, idx }, iat) {
      const tagged = Buffer.alloc(BLOCK_BYTES);
      tagged.writeUIntBE(iat, 0, JTI_TIME_BYTES);
      tagged.write(list, JTI_TIME_BYTES, "hex");
      tagged.writeUIntBE(idx, JTI_TIME_BYTES + LIST_ID_BYTES, IDX_BYTES);
      const id = Buffer.alloc(BLOCK_BYTES);
      tagged.copy(id, 0, 0, JTI_TIME_BYTES);
      tagsOf(tagged).copy(id, JTI_TIME_BYTES, 0, TAG_BYTES);
      const mask = masksOf(id);
      for (let at = 0; at < PLACE_BYTES; at += 1)
        id[PLACE_AT + at] = (tagged[JTI_TIME_BYTES + at] ?? 0) ^ (mask[at] ?? 0);
      return jtiOf(id);
    },
    placesOf(jtis) {
      const ids = idsIn(jtis);
      const heads = Buffer.from(ids);
      for (let end = BLOCK_BYTES; end <= heads.length; end += BLOCK_BYTES)
        heads.fill(0, end - PLACE_BYTES, end);
      const masks = masksOf(heads);
      // The time and the place of each, as its tag is made of them.
      const tagged = Buffer.alloc(ids.length);
      for (let block = 0; block < ids.length; block += BLOCK_BYTES) {
        ids.copy(tagged, block, block, block + JTI_TIME_BYTES);
        for (let at = 0; at < PLACE_BYTES; at += 1)
          tagged[block + JTI_TIME_BYTES + at] = (ids[block + PLACE_AT + at] ?? 0) ^ (masks[block + at] ?? 0);
      }
      return placesIn(tagged, tagsOf(tagged), ids);
    },
  };
}

/** The bytes of all ids, one after the other; a text that is no id is left out. */
function idsIn(jtis: readonly string[]): Buffer {
  const ids = Buffer.alloc(jtis.length * BLOCK_BYTES);
  let end = 0;
  for (const jti of jtis)
    if (jti.length === JTI_CHARS && ids.write(jti, end, "base64url") === BLOCK_BYTES) end += BLOCK_BYTES;
  return ids.subarray(0, end);
}

/** The places whose tags are those of their ids. */
function placesIn(tagged: Buffer, tags: Buffer, ids: Buffer): readonly StatusPlace[] {
  const places: StatusPlace[] = [];
  for (let block = 0; block < ids.length; block += BLOCK_BYTES) {
    const tag = block + JTI_TIME_BYTES;
    if (tags.compare(ids, tag, tag + TAG_BYTES, block, block + TAG_BYTES) !== 0) continue;
    const idxAt = tag + LIST_ID_BYTES;
    places.push({ list: listIdOf(tagged.subarray(tag, idxAt)), idx: tagged.readUIntBE(idxAt, IDX_BYTES) });
  }
  return places;
}

/** Encrypts each block by itself. No block comes twice with another meaning, so there is no mode of operation. */
function blockCipher(key: Buffer): (blocks: Buffer) => Buffer {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return (blocks) => cipher.update(blocks);
}
