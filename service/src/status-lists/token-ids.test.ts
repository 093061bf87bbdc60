import * as fc from "fast-check";
import { expect, test } from "vitest";
import { after, epochSeconds } from "../kernel/clock.ts";
import { newJti, parseJti } from "../kernel/ids.ts";
import { systemRandom } from "../kernel/random.ts";
import { listIdOf } from "./status-place.ts";
import { HIDING_KEY_BYTES, tokenIds } from "./token-ids.ts";

const random = systemRandom();
const ids = tokenIds(random.bytes(HIDING_KEY_BYTES));
const moments = fc.integer({ min: 1_700_000_000, max: 4_000_000_000 }).map(epochSeconds);
const NOW = epochSeconds(1_800_000_000);
const places = fc.record({
  list: fc.uint8Array({ minLength: 5, maxLength: 5 }).map((bytes) => listIdOf(Buffer.from(bytes))),
  idx: fc.nat({ max: 0xff_ffff }),
});

test("the id of a token leads to its place, in any list and at any index, and to no one else", () => {
  const others = tokenIds(random.bytes(HIDING_KEY_BYTES));
  fc.assert(
    fc.property(places, moments, (place, iat) => {
      const jti = ids.idOf(place, iat);
      expect(parseJti(jti)).toBe(jti);
      expect(ids.placesOf([jti])).toEqual([place]);
      expect(others.placesOf([jti])).toEqual([]);
    }),
  );
});

test("two places never have the same id, and one place has another at another time", () => {
  fc.assert(
    fc.property(fc.uniqueArray(places, { selector: ({ list, idx }) => `${list} ${String(idx)}` }), (all) => {
      expect(new Set(all.map((place) => ids.idOf(place, NOW))).size).toBe(all.length);
    }),
  );
  const place = { list: listIdOf(Buffer.alloc(5)), idx: 0 };
  expect(ids.idOf(place, NOW)).not.toBe(ids.idOf(place, after(NOW, 1)));
});

test("the ids of neighbours in a list have no more in common than random ones", () => {
  const list = listIdOf(Buffer.alloc(5));
  const bits = Array.from({ length: 4_000 }, (_, idx) => {
    const [one, other] = [idx, idx + 1].map((at) =>
      Buffer.from(ids.idOf({ list, idx: at }, NOW), "base64url"),
    );
    return [...(one ?? [])].reduce((sum, byte, at) => sum + weightOf(byte ^ (other?.[at] ?? 0)), 0);
  });
  const mean = bits.reduce((sum, count) => sum + count, 0) / bits.length;
  // Half of the bits that are not their time.
  expect(mean).toBeGreaterThan(43);
  expect(mean).toBeLessThan(45);
});

test("a random id, as tokens without a status have it, and a text that is none, hold no place", () => {
  const randomIds = Array.from({ length: 2_000 }, () => newJti(random, NOW));
  expect(ids.placesOf(randomIds)).toEqual([]);
  const texts = ["", "A", "A".repeat(21), "A".repeat(64), "\u0000", "é".repeat(22), "=".repeat(22)];
  expect(ids.placesOf(texts)).toEqual([]);
});

function weightOf(byte: number): number {
  return byte.toString(2).replaceAll("0", "").length;
}

test("the places of many ids come together, without those that hold none", () => {
  const list = listIdOf(Buffer.alloc(5, 7));
  const held = Array.from({ length: 300 }, (_, idx) => ({ list, idx }));
  const jtis = held.flatMap((place) => [ids.idOf(place, NOW), newJti(random, NOW), "no id"]);
  expect(ids.placesOf(jtis)).toEqual(held);
});
