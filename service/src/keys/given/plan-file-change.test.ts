import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { after, type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";
import { testKey } from "../../testing/test-keys.ts";
import type { ImportedKey } from "../import/import-key.ts";
import { servedAt, stateAt } from "../key-state.ts";
import { type KeyRing, signingKeyAt } from "./key-record.ts";
import { type FileChangeRules, planFileChange, ringAtBoot } from "./plan-file-change.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map((kid) => testKey(kid)) as [
  ImportedKey,
  ImportedKey,
  ImportedKey,
  ImportedKey,
];
const rules: FileChangeRules = { alg: "ES256", leadSeconds: 7_200, overlapSeconds: 3_755 };
const boot = epochSeconds(1_800_000_000);

function change(ring: KeyRing, file: readonly ImportedKey[], now: EpochSeconds): KeyRing {
  const planned = planFileChange(ring, file, now, rules);
  if (planned.kind === "rejected") throw new Error(JSON.stringify(planned.faults));
  return planned.ring;
}
const servedKids = (ring: KeyRing, now: EpochSeconds): string[] =>
  servedAt(ring, now).map((record) => record.kid);
const signs = (ring: KeyRing, now: EpochSeconds): string | undefined => signingKeyAt(ring, now)?.kid;

describe("at boot", () => {
  test("the first key signs at once and all are served, the signing key first", () => {
    const ring = ringAtBoot([b, a, c], boot);
    expect(signs(ring, boot)).toBe("b");
    expect(servedKids(ring, boot)).toEqual(["b", "a", "c"]);
  });
});

describe("a new first key", () => {
  const changed = after(boot, 1_000);
  const ring = change(ringAtBoot([a], boot), [b, a], changed);

  test("is served at once and signs only after the lead", () => {
    expect(servedKids(ring, changed)).toEqual(["a", "b"]);
    expect(signs(ring, after(changed, 7_199))).toBe("a");
    expect(signs(ring, after(changed, 7_200))).toBe("b");
    expect(servedKids(ring, after(changed, 7_200))).toEqual(["b", "a"]);
  });

  test("takes over from a key that has already left the file, which continues to sign until then and is served for the overlap", () => {
    const replaced = change(ringAtBoot([a], boot), [b], changed);
    expect(signs(replaced, after(changed, 7_199))).toBe("a");
    expect(signs(replaced, after(changed, 7_200))).toBe("b");
    expect(servedKids(replaced, after(changed, 7_200 + 3_754))).toEqual(["b", "a"]);
    expect(servedKids(replaced, after(changed, 7_200 + 3_755))).toEqual(["b"]);
  });

  test("that is removed before it may sign never signs", () => {
    const back = change(ring, [a], after(changed, 60));
    expect(signs(back, after(changed, 100_000))).toBe("a");
    expect(servedKids(back, after(changed, 60 + 3_755))).toEqual(["a"]);
  });

  test("that returns after its removal waits for a whole lead again", () => {
    const later = after(changed, 50_000);
    const back = change(change(ring, [a], after(changed, 60)), [b, a], later);
    expect(signs(back, after(later, 7_199))).toBe("a");
    expect(signs(back, after(later, 7_200))).toBe("b");
  });

  test("that was already served in the set long enough signs at once", () => {
    const later = after(boot, 8_000);
    const promoted = change(ringAtBoot([a, b], boot), [b, a], later);
    expect(signs(promoted, later)).toBe("b");
  });

  test("that replaces a standby key starts its own lead", () => {
    const again = after(changed, 7_000);
    const third = change(ring, [c, b, a], again);
    expect(signs(third, after(changed, 7_200))).toBe("a");
    expect(signs(third, after(again, 7_200))).toBe("c");
  });
});

test("the same file again changes no moment", () => {
  const ring = change(ringAtBoot([a], boot), [b, a], after(boot, 10));
  expect(change(ring, [b, a], after(boot, 500))).toEqual(ring);
});

describe("a change is rejected, and changes nothing,", () => {
  const ring = ringAtBoot([a], boot);
  test.each([
    ["when a kid is given to another key", [testKey("a")], { reason: "kid_of_another_key", kid: a.kid }],
    ["when a served key is renamed", [{ ...a, kid: b.kid }], { reason: "key_renamed", kid: b.kid }],
    [
      "when the first key is for another algorithm",
      [testKey("r", "RS256"), a],
      { reason: "other_algorithm", alg: "RS256", wanted: "ES256" },
    ],
    ["when it holds no key", [], { reason: "no_key" }],
  ] as const)("%s", (_name, file, fault) => {
    expect(planFileChange(ring, file, boot, rules)).toEqual({ kind: "rejected", faults: [fault] });
  });
});

test("whatever the file becomes and when: one key always signs, only after its lead, and every token's key is served until the token has expired", () => {
  const keys = [a, b, c, d];
  const steps = fc.array(
    fc.record({
      wait: fc.integer({ min: 1, max: 9_000 }),
      file: fc.shuffledSubarray(keys, { minLength: 1 }),
    }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(steps, (changes) => {
      let now = boot;
      let ring = ringAtBoot([a], now);
      const published = new Map([["a", Number.NEGATIVE_INFINITY]]);
      const lastSigned = new Map<string, number>();
      for (const { wait, file } of changes) {
        // The moments at which anything can change, and one before each: between them nothing does.
        const end = after(now, wait);
        const edges = ring
          .flatMap((key) => [key.signingFrom, key.retiringFrom, key.retiredFrom])
          .filter((edge) => edge !== undefined);
        const looks = [now, ...edges, ...edges.map((edge) => after(edge, -1)), after(end, -1)].filter(
          (look) => look >= now && look < end,
        );
        for (const look of looks.toSorted((one, other) => one - other)) {
          const signer = signs(ring, look);
          expect(signer).toBeDefined();
          if (signer === undefined) return;
          expect(look - (published.get(signer) ?? look)).toBeGreaterThanOrEqual(rules.leadSeconds);
          lastSigned.set(signer, look);
          const served = servedKids(ring, look);
          for (const [kid, at] of lastSigned) if (look <= at + 3_600 + 60) expect(served).toContain(kid);
        }
        now = end;
        ring = change(ring, file, now);
        const served = new Set(servedKids(ring, now));
        for (const kid of served) if (!published.has(kid)) published.set(kid, now);
        for (const kid of published.keys()) if (!served.has(kid)) published.delete(kid);
        expect(ring.every((key) => stateAt(key, now) !== "retired")).toBe(true);
      }
    }),
    { numRuns: 1_000 },
  );
});
