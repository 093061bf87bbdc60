import { expect, test } from "vitest";
import { keksUnder } from "../../testing/custodies.ts";
import { rowTags } from "./row-tags.ts";

const tags = rowTags(keksUnder(1));
const tag = tags.tag("row");

test("a tag verifies for its text and no other", () => {
  expect(tags.verify("row", tag)).toBe(true);
  for (const other of ["", "Row", "row ", "ro"]) expect(tags.verify(other, tag)).toBe(false);
});

test("a tag does not verify when any character of it is changed, added or left out", () => {
  for (let place = 0; place < tag.length; place += 1) {
    const flipped = tag[place] === "A" ? "B" : "A";
    expect(tags.verify("row", tag.slice(0, place) + flipped + tag.slice(place + 1))).toBe(false);
    expect(tags.verify("row", tag.slice(0, place) + tag.slice(place + 1))).toBe(false);
    expect(tags.verify("row", `${tag.slice(0, place)}A${tag.slice(place)}`)).toBe(false);
  }
  for (const none of ["", ".", "é", tag.slice(0, tag.indexOf(".") + 1)])
    expect(tags.verify("row", none)).toBe(false);
});

test("a tag is the same on every replica", () => {
  expect(rowTags(keksUnder(1)).tag("row")).toBe(tag);
});

test("of several key-encryption keys the first tags and all verify", () => {
  const both = rowTags(keksUnder(2, 1));
  expect(both.verify("row", tag)).toBe(true);
  expect(tags.verify("row", both.tag("row"))).toBe(false);
});

test("a key-encryption key has a name that shows nothing of it and does not depend on its place in the list", () => {
  const [one] = keksUnder(1);
  expect(keksUnder(2, 1)[1]?.id).toBe(one.id);
  expect(keksUnder(2)[0].id).not.toBe(one.id);
  expect(Buffer.alloc(32, 1).toString("hex")).not.toContain(Buffer.from(one.id, "base64url").toString("hex"));
});
