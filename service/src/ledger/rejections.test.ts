import { beforeEach, expect, test } from "vitest";
import { rejectionFacts } from "../testing/ledger-entries.ts";
import type { Entry } from "./entry.ts";
import { RejectionEntries } from "./rejections.ts";

let seconds: number;
let kept: Entry[];
let isFull: boolean;
let rejections: RejectionEntries;

beforeEach(() => {
  [seconds, kept, isFull] = [0, [], false];
  rejections = new RejectionEntries(
    {
      keep(entry) {
        if (isFull) return false;
        kept.push(entry);
        return true;
      },
    },
    { elapsed: () => seconds },
  );
});

test("each request that gets no token has an entry, up to 20 a second of each reason; the others are counted", () => {
  for (let n = 0; n < 25; n += 1) {
    rejections.note(rejectionFacts("not_allowed"));
    rejections.note(rejectionFacts("sender_required"));
  }
  rejections.note(rejectionFacts("ttl_invalid"));
  expect(kept).toHaveLength(41);
  rejections.count();
  expect(kept.at(-1)).toEqual({
    kind: "rejections",
    facts: { requests: { not_allowed: 5, sender_required: 5 } },
  });
  seconds = 1;
  rejections.note(rejectionFacts("not_allowed"));
  rejections.count();
  expect(kept.slice(42).map(({ kind }) => kind)).toEqual(["rejection"]);
});

test("what finds no place is counted, and the count waits for a place", () => {
  isFull = true;
  rejections.note(rejectionFacts("not_allowed"));
  rejections.count();
  isFull = false;
  rejections.count();
  rejections.count();
  expect(kept).toEqual([{ kind: "rejections", facts: { requests: { not_allowed: 1 } } }]);
});

test("a stranger's texts are cut, and scopes that no token could have are left out", () => {
  rejections.note(
    rejectionFacts("not_allowed", { sender: "s".repeat(100_000), scopes_asked: { a: "x".repeat(3_000) } }),
  );
  rejections.note(rejectionFacts("not_allowed", { scopes_asked: { can_start_sessions: true } }));
  expect(kept.map(({ facts: of }) => of)).toEqual([
    rejectionFacts("not_allowed", { sender: `${"s".repeat(256)}…` }),
    rejectionFacts("not_allowed", { scopes_asked: { can_start_sessions: true } }),
  ]);
});
