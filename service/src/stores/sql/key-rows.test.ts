import { expect, test } from "vitest";
import { DEFAULT_KEY_SET } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { signingKey, standbyKey } from "../../testing/managed-key-sets.ts";
import { keysOf, rowOf, setTagOf } from "./key-rows.ts";
import { rowTags } from "./row-tags.ts";

const keySet = DEFAULT_KEY_SET;
const tags = rowTags(keksUnder(7));

test("a set is read back as it was written", () => {
  const keys = [signingKey("a"), standbyKey("b")];
  const rows = keys.map((key) => rowOf(tags, keySet, key));
  expect(
    keysOf(
      tags,
      { keySet, version: 3, tag: setTagOf(tags, { keySet, version: 3 }, rows) },
      rows.toReversed(),
    ),
  ).toEqual(keys.toReversed());
});

test("a set without keys and without a tag is new at version 0, and at any other a store that was emptied", () => {
  expect(keysOf(tags, { keySet, version: 0, tag: "" }, [])).toEqual([]);
  for (const version of [1, 7])
    expect(() => keysOf(tags, { keySet, version, tag: "" }, [])).toThrow(StoreCorrupt);
  expect(() => keysOf(tags, { keySet, version: 0, tag: "" }, [rowOf(tags, keySet, signingKey("a"))])).toThrow(
    StoreCorrupt,
  );
});
