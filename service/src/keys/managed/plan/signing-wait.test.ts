import { describe, expect, test } from "vitest";
import { after } from "../../../kernel/clock.ts";
import { keySet, LONG_AGO, NOW, RULES, signingKey, standbyKey } from "../../../testing/managed-key-sets.ts";
import { signingWait } from "./signing-wait.ts";

const ended = signingKey("old", { signingFrom: LONG_AGO, notAfter: NOW });
const served = (seconds: number, kid = "new") => standbyKey(kid, { publishedFrom: after(NOW, -seconds) });

describe("what a set waits for in which no key may sign", () => {
  test("is nothing while one may, and while there is no standby key", () => {
    expect(signingWait(keySet([signingKey("a"), served(5)]), RULES)).toBeUndefined();
    expect(signingWait(keySet([ended]), RULES)).toBeUndefined();
  });

  test.each([
    [0, { seconds: 7_200, accept: "short-lead", refreshingSeconds: 430, inGraceSeconds: 4_030 }],
    [400, { seconds: 6_800, accept: "short-lead", refreshingSeconds: 30, inGraceSeconds: 3_630 }],
    [430, { seconds: 6_770, accept: "grace-risk", refreshingSeconds: 0, inGraceSeconds: 3_600 }],
    [4_030, { seconds: 3_170, accept: undefined, refreshingSeconds: 0, inGraceSeconds: 0 }],
    [7_200, { seconds: 0, accept: undefined, refreshingSeconds: 0, inGraceSeconds: 0 }],
  ] as const)(
    "is a standby key that was served for %i s: until when, and what it costs not to wait",
    (age, wait) => {
      expect(signingWait(keySet([ended, served(age)]), RULES)).toEqual({ kid: "new", ...wait });
    },
  );

  test("counts no time in which no replica served, up to B2, after which no verifier holds an older set", () => {
    const shutDown = (gap: number) =>
      signingWait(keySet([ended, served(gap + 100)], { servedAt: after(NOW, -gap) }), RULES);
    expect(shutDown(4_029)).toMatchObject({ seconds: 7_100, refreshingSeconds: 330 });
    expect(shutDown(4_030)).toMatchObject({ seconds: 0, accept: undefined });
  });

  test("is the key that is known first", () => {
    expect(signingWait(keySet([ended, served(5, "late"), served(6)]), RULES)?.kid).toBe("new");
  });
});
