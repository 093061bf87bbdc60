import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { matchesPattern, segmented, type TemplateValues, templateValue } from "./match-pattern.ts";
import { claimsIn, PATTERN_CHARS_MAX, type Pattern, parsePattern, type StarCharsMin } from "./pattern.ts";

const VALUES = {
  ns: "prod",
  sa: "planner",
  empty: "",
  slash: "a/b",
  star: "a*",
  brace: "{x}",
  bell: "a\u0007",
};

function patternOf(source: string): Pattern {
  const parsed = parsePattern(source);
  if (parsed.kind !== "pattern") throw new Error(`${source} is ${parsed.kind}`);
  return parsed.pattern;
}

const matches = (source: string, text: string, values: TemplateValues = VALUES): boolean =>
  matchesPattern(patternOf(source), segmented(text), values);

describe("a pattern matches the whole text", () => {
  test.each([
    ["agent://*", "agent://planner", true],
    ["agent://*", "agent://planner/1", false],
    ["agent://*", "agent://", false],
    ["agent://*/x", "agent:///x", false],
    ["agent://*/x", "agent://a/x", true],
    ["*", "", false],
    ["**/*", "a/", false],
    ["agent://a*", "agent://a", true],
    ["agent://*a", "agent://a", true],
    ["agent://*", "xagent://a", false],
    ["agent://*", "Agent://a", false],
    ["agent://**", "agent://a", true],
    ["agent://**", "agent://a/b/c", true],
    ["agent://**", "agent:", false],
    ["agent://**", "agent:/", false],
    ["agent://a/**", "agent://a", false],
    ["agent://a/**", "agent://a/", true],
    ["agent://a/**/z", "agent://a/z", false],
    ["agent://a/**/z", "agent://a/b/z", true],
    ["agent://a/**/z", "agent://a/b/c/z", true],
    ["agent://a/**/z", "agent://a/b/zz", false],
    ["**", "anything at all", true],
    ["**", "a/b//c", true],
    ["plan*er", "planner", true],
    ["plan*er", "plane", false],
    ["ab*ba", "aba", false],
    ["*ab*ba*", "aba", false],
    ["*ab*ba*", "abba", true],
    ["*a*b*", "xxaxxbxx", true],
    ["*a*b*", "xxbxxaxx", false],
    ["*aab*c", "aaaabxc", true],
    ["*.v1", "macp.mode.decision.v1", true],
    ["*", "a\nb", true],
    ["a*", "a\u{1f600}", true],
  ])("%s on %j: %s", (source, text, wanted) => {
    expect(matches(source, text)).toBe(wanted);
  });
});

test("of a deny also matches an empty segment where `*` stands alone", () => {
  for (const [source, text] of [
    ["agent://*", "agent://"],
    ["agent://*/x", "agent:///x"],
    ["**/*", "a/"],
  ] as const) {
    const parsed = parsePattern(source, 0);
    expect(parsed.kind === "pattern" && matchesPattern(parsed.pattern, segmented(text), {})).toBe(true);
  }
});

describe("a template binds a segment to the proof", () => {
  test.each([
    ["agent://{claims.ns}/{claims.sa}/*", "agent://prod/planner/7", true],
    ["agent://{claims.ns}/{claims.sa}/*", "agent://dev/planner/7", false],
    ["agent://{claims.ns}/*", "agent://{claims.ns}/x", false],
    ["a-{claims.ns}-*-{z", "a-prod-1", undefined],
    ["a-{claims.ns}-*", "a-prod-1", true],
    ["*-{claims.ns}-*", "1-2-prod-3", true],
    ["*-{claims.ns}-*", "1-2-pro-3", false],
    ["x/**/{claims.sa}", "x/y/planner", true],
  ])("%s on %s: %s", (source, text, wanted) => {
    if (wanted === undefined) expect(parsePattern(source)).toMatchObject({ kind: "invalid" });
    else expect(matches(source, text)).toBe(wanted);
  });

  test.each(["missing", "empty", "slash", "star", "brace", "bell", "toString", "__proto__"])(
    "and matches nothing when the claim %s gives no segment of its own",
    (claim) => {
      expect(templateValue(VALUES, claim)).toBeUndefined();
      for (const text of ["x/", "x/a/b", "x/a*", "x/{x}", "x/a\u0007", "x/undefined"])
        expect(matches(`x/{claims.${claim}}`, text)).toBe(false);
      expect(matches(`x/{claims.${claim}}*`, "x/anything")).toBe(false);
    },
  );

  test("and the claims that a pattern needs are known", () => {
    expect(claimsIn(patternOf("{claims.a}/**/x-{claims.b-c}*"))).toEqual(["a", "b-c"]);
  });
});

test.each([
  ["", "empty"],
  ["a".repeat(PATTERN_CHARS_MAX + 1), "too_long"],
  ["\ud800*", "not_unicode"],
  ["a/b**", "double_star_in_segment"],
  ["***", "double_star_in_segment"],
  ["**/a/**", "several_double_stars"],
  ["{claim.ns}", "template_malformed"],
  ["{claims.}", "template_malformed"],
  ["{claims.a b}", "template_malformed"],
  ["{claims.a", "template_malformed"],
  ["{claims.a}}", "template_malformed"],
  ["a}b", "template_malformed"],
  ["{claims.{claims.a}}", "template_malformed"],
  ["{claims.a}{claims.b}", "template_malformed"],
  ["{claims.a/b}", "template_malformed"],
  ["{claims.a}*{claims.b}", "several_templates_in_segment"],
])("%j is no pattern: %s", (source, fault) => {
  expect(parsePattern(source)).toEqual({ kind: "invalid", fault });
});

test("a text without wildcard and template is compared as it is", () => {
  for (const text of ["agent://planner", "a.b+c[d]?", " ", "\u0000"])
    expect(parsePattern(text)).toEqual({ kind: "exact", text });
});

/** The same by trying every split: one character of the pattern at a time. `+` is a `*` that is not empty. */
function naive(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern.startsWith("**"))
    return suffixes(text).some(
      ([, rest]) => naive(pattern.slice(2), rest) && (rest === "" || rest.startsWith("/")),
    );
  if (pattern.startsWith("+"))
    return suffixes(text).some(([taken, rest]) => /^[^/]+$/.test(taken) && naive(pattern.slice(1), rest));
  if (pattern.startsWith("*"))
    return suffixes(text).some(([taken, rest]) => !taken.includes("/") && naive(pattern.slice(1), rest));
  return text !== "" && pattern[0] === text[0] && naive(pattern.slice(1), text.slice(1));
}

function suffixes(text: string): readonly (readonly [string, string])[] {
  return Array.from({ length: text.length + 1 }, (_, at) => [text.slice(0, at), text.slice(at)] as const);
}

const letters = (alphabet: readonly string[], max: number) =>
  fc.array(fc.constantFrom(...alphabet), { maxLength: max }).map((list) => list.join(""));

test("the matcher and a naive one agree on every pattern and text, templates filled in", () => {
  let matched = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: letters(["a", "b", "*", "#"], 7) }, fc.constant("**")), {
        minLength: 1,
        maxLength: 4,
      }),
      letters(["a", "b", "/"], 8),
      fc.constantFrom("a", "b", "ab", "aa"),
      fc.constantFrom<StarCharsMin>(0, 1),
      (parts, text, value, starCharsMin) => {
        const source = parts.join("/");
        const parsed = parsePattern(source.replaceAll("#", "{claims.v}"), starCharsMin);
        if (parsed.kind === "invalid") return;
        const ours =
          parsed.kind === "exact"
            ? parsed.text === text
            : matchesPattern(parsed.pattern, segmented(text), { v: value });
        if (ours) matched += 1;
        const plain = parts.map((part) => (part === "*" && starCharsMin === 1 ? "+" : part)).join("/");
        expect(ours).toBe(naive(plain.replaceAll("#", value), text));
      },
    ),
    { numRuns: 20_000 },
  );
  // A comparison of two matchers that never match would prove nothing.
  expect(matched).toBeGreaterThan(500);
});

test("the worst pattern needs no more than a moment for a million characters", () => {
  const worst = [
    `*${"a".repeat(254)}b*${"a".repeat(254)}c`,
    `${"a*".repeat(255)}b`,
    `${"*/".repeat(250)}**/b`,
    `*${"ab".repeat(120)}{claims.v}*z`,
  ];
  const texts = [
    "a".repeat(100_000),
    "ab".repeat(50_000),
    "a/".repeat(50_000),
    "a".repeat(99_999).concat("c"),
  ];
  for (const source of worst)
    for (const text of texts) {
      const start = performance.now();
      matches(source, text, { v: "a".repeat(10_000) });
      expect(performance.now() - start).toBeLessThan(1_000);
    }
});
