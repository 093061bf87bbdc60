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

/**
 * Token ids that hold the place of their token: so a revocation, which names tokens by id, finds their bits without a look at anything.
 * An id begins with its time, as all do. Then comes a tag over the time and the place, and the place under a mask that the time and the tag
 * decide (the form of RFC 5297, over one block): so two tokens never have the same id, and who does not have the keys sees random bits.
 */
export interface TokenIds {
  /** The id of a token that is issued at `iat`, of an index below 2^24. */
  idOf(place: StatusPlace, iat: EpochSeconds): Jti;
  /** `undefined`: the id holds none. A random id seems to hold one once in 16 million. */
  placeOf(jti: string): StatusPlace | undefined;
}

/** The token ids of a store, whose keys are `HIDING_KEY_BYTES`. */
export function tokenIds(keys: Buffer): TokenIds {
  const half = HIDING_KEY_BYTES / 2;
  const [tagOf, maskOf] = [blockCipher(keys.subarray(0, half)), blockCipher(keys.subarray(half))];
  const tagged = (time: Buffer, place: Buffer): Buffer =>
    Buffer.concat([time, tagOf(time, place).subarray(0, PLACE_AT - JTI_TIME_BYTES)]);
  const masked = (head: Buffer, place: Buffer): Buffer => {
    const mask = maskOf(head);
    return place.map((byte, at) => byte ^ (mask[at] ?? 0)) as Buffer;
  };
  return {
    idOf({ list, idx }, iat) {
      const time = Buffer.alloc(JTI_TIME_BYTES);
      time.writeUIntBE(iat, 0, JTI_TIME_BYTES);
      const place = Buffer.alloc(PLACE_BYTES);
      place.write(list, "hex");
      place.writeUIntBE(idx, LIST_ID_BYTES, IDX_BYTES);
      const head = tagged(time, place);
      return jtiOf(Buffer.concat([head, masked(head, place)]));
    },
    placeOf(jti) {
      const bytes = Buffer.from(jti, "base64url");
      if (bytes.length !== BLOCK_BYTES) return undefined;
      const head = bytes.subarray(0, PLACE_AT);
      const place = masked(head, bytes.subarray(PLACE_AT));
      if (!tagged(head.subarray(0, JTI_TIME_BYTES), place).equals(head)) return undefined;
      return {
        list: listIdOf(place.subarray(0, LIST_ID_BYTES)),
        idx: place.readUIntBE(LIST_ID_BYTES, IDX_BYTES),
      };
    },
  };
}

/** Encrypts one block, which is what it is given and zeros: there is no mode of operation. */
function blockCipher(key: Buffer): (...parts: readonly Buffer[]) => Buffer {
  const cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  return (...parts) => cipher.update(Buffer.concat(parts, BLOCK_BYTES));
}
