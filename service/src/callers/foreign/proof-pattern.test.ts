import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mayOverlap, type ProofPattern, parseProofPattern } from "./proof-pattern.ts";

function patternOf(source: string): ProofPattern {
  const read = parseProofPattern(source);
  if (read.kind === "invalid") throw new Error(read.fault);
  return read.pattern;
}

describe("a pattern of a subject", () => {
  test.each([
    ["system:serviceaccount:prod:planner", "system:serviceaccount:prod:planner"],
    ["system:serviceaccount:prod:*", "system:serviceaccount:prod:planner"],
    ["system:serviceaccount:*:planner", "system:serviceaccount:prod:planner"],
    ["system:serviceaccount:prod-*:planner", "system:serviceaccount:prod-eu:planner"],
    ["system:**", "system:serviceaccount:prod:planner"],
    ["**", "system:serviceaccount:prod:planner"],
    ["**", "spiffe://prod.example/ns/a"],
    ["spiffe://prod.example/ns/*/sa/*", "spiffe://prod.example/ns/a/sa/b"],
    ["spiffe://prod.example/ns/**", "spiffe://prod.example/ns/a/sa/b"],
    ["repo:octo/app:ref:refs/heads/*", "repo:octo/app:ref:refs/heads/main"],
    ["repo:octo/*:ref:refs/heads/main", "repo:octo/app:ref:refs/heads/main"],
    ["repo:octo/app:**", "repo:octo/app:ref:refs/heads/main"],
    ["*", "12345"],
  ])("%s matches %s", (source, text) => {
    expect(patternOf(source).matches(text)).toBe(true);
  });

  test.each([
    ["system:serviceaccount:prod:*", "system:serviceaccount:prod:"],
    ["system:serviceaccount:prod:*", "system:serviceaccount:prod:a:b"],
    ["system:serviceaccount:prod:*", "system:serviceaccount:prod:a/b"],
    ["system:serviceaccount:*:planner", "system:serviceaccount:a:b:planner"],
    ["system:*:prod:planner", "system:serviceaccount:PROD:planner"],
    ["system:*", "system/serviceaccount"],
    ["a/*/c", "a:b:c"],
    ["a/*/c", "a/b:c"],
    ["a:*:c", "a/b/c"],
    ["repo:octo/*:ref:refs/heads/main", "repo:octo/app:environment:x:ref:refs/heads/main"],
    ["repo:octo/app:*", "repo:octo/app-evil:x"],
    ["repo:octo/app:**", "repo:octo/app"],
    ["repo:octo/app:**", "repo:octo/app:"],
    ["spiffe://prod.example/ns/**", "spiffe://prod.example.evil/ns/a"],
    ["spiffe://prod.example/ns/**", "spiffe://prod.example/ns/a//b"],
    ["spiffe://*/ns/a", "spiffe://x/y/ns/a"],
    ["*", ""],
    ["a.c", "abc"],
    ["(a|b)", "a"],
    ["^a$", "a"],
  ])("%s does not match %s", (source, text) => {
    expect(patternOf(source).matches(text)).toBe(false);
  });

  test.each([
    ["", "empty"],
    ["a".repeat(513), "too_long"],
    ["a**", "double_star_in_segment"],
    ["**:a", "double_star_in_segment"],
    ["***", "double_star_in_segment"],
    ["{claims.sub}*", "template_not_allowed"],
    ["a\u0000*", "not_plain_text"],
    ["a\u0001/b", "not_plain_text"],
    ["\ud800", "not_plain_text"],
  ])("is not %j: %s", (source, fault) => {
    expect(parseProofPattern(source)).toEqual({ kind: "invalid", fault });
  });

  test("without a wildcard matches its own text only", () => {
    const text = fc.string({ minLength: 1, unit: fc.constantFrom("a", "b", ":", "/", ".", "+", "{") });
    fc.assert(
      fc.property(text, text, (one, other) => {
        const read = parseProofPattern(one);
        expect(read.kind === "pattern" && read.pattern.matches(one)).toBe(true);
        expect(read.kind === "pattern" && read.pattern.matches(other)).toBe(one === other);
      }),
    );
  });

  test("takes no longer for a hostile text", () => {
    const pattern = patternOf(`${"a*".repeat(200)}b`);
    const start = performance.now();
    for (let time = 0; time < 20; time += 1) expect(pattern.matches("a".repeat(2_048))).toBe(false);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe("two patterns that one text matches", () => {
  test("are found to overlap", () => {
    const piece = fc.constantFrom("a", "b", "*", "aa", "*b", "a*");
    const source = fc
      .array(piece, { minLength: 1, maxLength: 4 })
      .map((pieces) => pieces.join(":").replace(/\*+/g, "*"));
    const text = fc
      .array(fc.constantFrom("a", "b", "ab", "aa", "aab"), { minLength: 1, maxLength: 4 })
      .map((one) => one.join(":"));
    fc.assert(
      fc.property(source, source, fc.array(text, { minLength: 5, maxLength: 20 }), (one, other, texts) => {
        const [a, b] = [patternOf(one), patternOf(other)];
        if (texts.some((each) => a.matches(each) && b.matches(each)))
          expect(mayOverlap(one, other)).toBe(true);
        expect(mayOverlap(one, other)).toBe(mayOverlap(other, one));
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["a", "a", true],
    ["a", "b", false],
    ["a:*", "a:b", true],
    ["a:*", "b:*", false],
    ["**", "x:y", true],
    ["a:*:c", "a:b:*", true],
    ["a:**", "*:b", true],
    ["prod-*", "*-eu", true],
    ["prod-*", "dev-*", false],
    ["*a", "*b", false],
  ])("%s and %s: %s", (one, other, expected) => {
    expect(mayOverlap(one, other)).toBe(expected);
  });
});
