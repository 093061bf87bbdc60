import { expect, test } from "vitest";
import { DEFAULT_KEY_SET } from "../../kernel/ids.ts";
import { systemRandom } from "../../kernel/random.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { sealerOf } from "../../keys/custody/sealer.ts";
import { signingKey, standbyKey } from "../../testing/managed-key-sets.ts";
import { keysOf, rowOf, setTagOf } from "./key-rows.ts";

const keySet = DEFAULT_KEY_SET;
const sealer = sealerOf([Buffer.alloc(32, "k")], systemRandom());

test("a set is read back as it was written", () => {
  const keys = [signingKey("a"), standbyKey("b")];
  const rows = keys.map((key) => rowOf(sealer, keySet, key));
  expect(
    keysOf(
      sealer,
      { keySet, version: 3, tag: setTagOf(sealer, { keySet, version: 3 }, rows) },
      rows.toReversed(),
    ),
  ).toEqual(keys.toReversed());
});

test("a set without keys and without a tag is new at version 0, and at any other a store that was emptied", () => {
  expect(keysOf(sealer, { keySet, version: 0, tag: "" }, [])).toEqual([]);
  for (const version of [1, 7])
    expect(() => keysOf(sealer, { keySet, version, tag: "" }, [])).toThrow(StoreCorrupt);
  expect(() =>
    keysOf(sealer, { keySet, version: 0, tag: "" }, [rowOf(sealer, keySet, signingKey("a"))]),
  ).toThrow(StoreCorrupt);
});
