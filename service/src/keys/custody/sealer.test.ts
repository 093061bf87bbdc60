import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { standbyKey } from "../../testing/managed-key-sets.ts";
import { countingRandom } from "../../testing/mint-deps.ts";
import { openPrivateKey, placeOf } from "../managed/carry-out.ts";
import { makeKey } from "./make-key.ts";
import { sealerOf } from "./sealer.ts";

const [one, two] = [Buffer.alloc(32, "1"), Buffer.alloc(32, "2")];
const sealer = sealerOf([one], systemRandom());
const text = Buffer.from("a private key");

describe("a sealed key", () => {
  test("opens at its own place, whatever the bytes and the place are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (bytes, place) => {
        expect(sealer.open(sealer.seal(Buffer.from(bytes), place), place)).toEqual(Buffer.from(bytes));
      }),
    );
  });

  test("opens at no other place, which keeps it from being moved to another row", () => {
    const sealed = sealer.seal(text, "here");
    for (const place of ["there", "", "her", "here ", "Here"])
      expect(sealer.open(sealed, place)).toBeUndefined();
  });

  test("opens with no other key-encryption key, also under its name", () => {
    const sealed = sealer.seal(text, "here");
    const other = sealerOf([two], systemRandom());
    expect(other.open(sealed, "here")).toBeUndefined();
    expect(other.open({ ...sealed, kek: other.seal(text, "here").kek }, "here")).toBeUndefined();
  });

  test("does not open when any one bit of it is flipped", () => {
    const { kek, box } = sealer.seal(text, "here");
    const bytes = Buffer.from(box, "base64url");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const altered = Buffer.from(bytes);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(sealer.open({ kek, box: altered.toString("base64url") }, "here")).toBeUndefined();
    }
  });

  test("does not open when it was cut short at any length", () => {
    const { kek, box } = sealer.seal(text, "here");
    for (let length = 0; length < box.length; length += 1)
      expect(sealer.open({ kek, box: box.slice(0, length) }, "here")).toBeUndefined();
  });

  test("has one text: another spelling of the same bytes does not open", () => {
    const { kek, box } = sealer.seal(Buffer.from("length of 12"), "here");
    expect(Buffer.from(box, "base64url").length % 3).not.toBe(0);
    const spellings = [
      `${box}=`,
      ` ${box}`,
      `${box}\n`,
      `${box}!`,
      Buffer.from(box, "base64url").toString("base64"),
      lastBitsChanged(box),
    ];
    for (const spelling of spellings) {
      expect(Buffer.from(spelling, "base64url")).toEqual(Buffer.from(box, "base64url"));
      expect(sealer.open({ kek, box: spelling }, "here")).toBeUndefined();
    }
  });

  test("is never the same twice, and shows nothing of what it holds", () => {
    const boxes = Array.from({ length: 100 }, () => sealer.seal(text, "here").box);
    expect(new Set(boxes).size).toBe(100);
    for (const box of boxes) expect(Buffer.from(box, "base64url").includes(text)).toBe(false);
  });
});

describe("of several key-encryption keys", () => {
  const old = sealerOf([one], systemRandom());
  const both = sealerOf([two, one], systemRandom());

  test("the first seals and all open, so that a new one can be put before the old", () => {
    const before = old.seal(text, "here");
    const now = both.seal(text, "here");
    expect(both.open(before, "here")).toEqual(text);
    expect([both.isCurrent(before), both.isCurrent(now)]).toEqual([false, true]);
    expect(old.open(now, "here")).toBeUndefined();
    expect(sealerOf([two], systemRandom()).open(now, "here")).toEqual(text);
  });

  test("each has a name that shows nothing of it and does not depend on its place in the list", () => {
    expect(sealerOf([one, two], systemRandom()).seal(text, "x").kek).toBe(old.seal(text, "y").kek);
    expect(both.seal(text, "x").kek).not.toBe(old.seal(text, "x").kek);
    expect(one.toString("hex")).not.toContain(
      Buffer.from(old.seal(text, "x").kek, "base64url").toString("hex"),
    );
  });

  test("the first tags and all verify", () => {
    expect(both.verifyTag("row", old.tag("row"))).toBe(true);
    expect(old.verifyTag("row", both.tag("row"))).toBe(false);
  });
});

describe("a tag over a row", () => {
  const tag = sealer.tag("row");

  test("verifies for its text and no other", () => {
    expect(sealer.verifyTag("row", tag)).toBe(true);
    for (const other of ["", "Row", "row ", "ro"]) expect(sealer.verifyTag(other, tag)).toBe(false);
  });

  test("does not verify when any character of it is changed, added or left out", () => {
    for (let place = 0; place < tag.length; place += 1) {
      const flipped = tag[place] === "A" ? "B" : "A";
      expect(sealer.verifyTag("row", tag.slice(0, place) + flipped + tag.slice(place + 1))).toBe(false);
      expect(sealer.verifyTag("row", tag.slice(0, place) + tag.slice(place + 1))).toBe(false);
      expect(sealer.verifyTag("row", `${tag.slice(0, place)}A${tag.slice(place)}`)).toBe(false);
    }
    for (const none of ["", ".", "é", tag.slice(0, tag.indexOf(".") + 1)])
      expect(sealer.verifyTag("row", none)).toBe(false);
  });

  test("is the same on every replica", () => {
    expect(sealerOf([one], countingRandom()).tag("row")).toBe(tag);
  });
});

describe("the private part of a managed key", () => {
  test("opens from its own row alone, and not once it is destroyed", async () => {
    const made = await makeKey("ES256");
    const der = made.privateKey?.export({ type: "pkcs8", format: "der" }) ?? Buffer.alloc(0);
    const sealed = sealer.seal(der, placeOf(made.kid, "ES256"));
    expect(openPrivateKey(sealer, standbyKey(made.kid, { sealed }))?.export({ format: "jwk" })).toMatchObject(
      { crv: "P-256" },
    );
    expect(openPrivateKey(sealer, standbyKey("other", { sealed }))).toBeUndefined();
    expect(openPrivateKey(sealer, standbyKey(made.kid, { sealed }, "RS256"))).toBeUndefined();
    expect(openPrivateKey(sealer, standbyKey(made.kid, { sealed: undefined }))).toBeUndefined();
  });
});

/** The same bytes in base64url with the unused bits of the last character set. */
function lastBitsChanged(box: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return box.slice(0, -1) + alphabet.charAt(alphabet.indexOf(box.slice(-1)) + 1);
}
