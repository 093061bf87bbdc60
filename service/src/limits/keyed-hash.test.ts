import { expect, test } from "vitest";
import { keyedHash } from "./keyed-hash.ts";

/** `vectors_hsip64` of the reference code: the key is 00 to 07, the input 00, 01, 02 and so on; here those of an even length. */
const VECTORS = [
  "218d1f59b9b83cc8",
  "064f39ef7c50eb57",
  "d5e78a175be52ea1",
  "ce3e91358aa2bc25",
  "edfee820bce4858c",
  "95b0469f06a6f2ee",
  "7bc71f9faef5c799",
  "3bb1a870eae8e658",
  "7336aad25f7bf3b5",
];

test.each(VECTORS.map((hash, index) => [index * 2, hash] as const))(
  "a text of %i bytes has the hash of the reference code",
  (bytes, expected) => {
    const units = Array.from({ length: bytes / 2 }, (_, unit) => unit * 2 + ((unit * 2 + 1) << 8));
    const out = { high: 0, low: 0 };
    keyedHash({ low: 0x03020100, high: 0x07060504 }, String.fromCharCode(...units), out);
    const written = Buffer.alloc(8);
    written.writeInt32LE(out.low, 0);
    written.writeInt32LE(out.high, 4);
    expect(written.toString("hex")).toBe(expected);
  },
);
