import { describe, expect, test } from "vitest";
import { epochSeconds } from "../../kernel/clock.ts";
import { judgeClaims, judgeSize } from "./judge-claims.ts";

const NOW = 1_800_000_000;
const expectation = { issuer: "macp-auth-service", audience: "macp-runtime", now: epochSeconds(NOW) };
const valid = {
  iss: "macp-auth-service",
  aud: "macp-runtime",
  sub: "agent://a",
  iat: NOW - 48,
  exp: NOW + 252,
};

function finding(about: string, override: Readonly<Record<string, unknown>>) {
  return judgeClaims({ ...valid, ...override }, expectation).find((candidate) => candidate.about === about);
}

test("finds nothing wrong with the claims of a valid token", () => {
  expect(judgeClaims(valid, expectation)).toEqual([
    { verdict: "ok", about: "issuer", text: "macp-auth-service" },
    { verdict: "ok", about: "audience", text: "macp-runtime" },
    { verdict: "ok", about: "sender", text: "agent://a" },
    { verdict: "ok", about: "issued", text: "48 s ago" },
    { verdict: "ok", about: "expires", text: "in 4 min 12 s" },
  ]);
});

describe("the leeway of the runtime", () => {
  test.each([
    [0, "ok", "in 0 s"],
    [-3, "note", "expired 3 s ago; the runtime still accepts it for 57 s of its 60 s leeway"],
    [-60, "note", "expired 1 min ago; the runtime still accepts it for 0 s of its 60 s leeway"],
    [-61, "rejected", "expired 1 min 1 s ago, and the runtime's 60 s leeway has passed"],
  ])("takes an exp %d s from now as %s", (seconds, verdict, text) => {
    expect(finding("expires", { exp: NOW + seconds })).toEqual({ verdict, about: "expires", text });
  });

  test.each([[undefined], ["1800000300"], [null]])("does not go without a number: %j", (exp) => {
    expect(finding("expires", { exp })?.verdict).toBe("rejected");
  });
});

describe("issuer and audience must match when they are there", () => {
  test.each([
    ["iss", undefined, "note"],
    ["iss", "another", "rejected"],
    ["iss", 7, "rejected"],
    ["iss", "macp-auth-service ", "rejected"],
    ["aud", undefined, "note"],
    ["aud", "macp-runtime/", "rejected"],
    ["aud", ["other", "macp-runtime"], "ok"],
    ["aud", ["other"], "rejected"],
    ["aud", [], "rejected"],
  ])("%s %j is %s", (claim, value, verdict) => {
    const about = claim === "iss" ? "issuer" : "audience";
    expect(finding(about, { [claim]: value })?.verdict).toBe(verdict);
  });
});

test("requires a sub that is text, and shows it escaped and short", () => {
  expect(finding("sender", { sub: undefined })?.verdict).toBe("rejected");
  expect(finding("sender", { sub: 7 })?.verdict).toBe("rejected");
  expect(finding("sender", { sub: " " })).toEqual({ verdict: "note", about: "sender", text: "blank" });
  expect(finding("sender", { sub: "a\nok  signature" })?.text).toBe("a\\u{a}ok  signature");
  expect(finding("sender", { sub: "a".repeat(5_000) })?.text).toHaveLength(121);
});

test("never rejects for iat or nbf, which the runtime ignores, and says so", () => {
  expect(finding("issued", { iat: undefined })?.verdict).toBe("note");
  expect(finding("issued", { iat: NOW + 5 })?.text).toMatch(
    /^5 s in the future: one of the clocks is wrong; the runtime ignores iat/,
  );
  expect(finding("not before", {})).toBeUndefined();
  expect(finding("not before", { nbf: NOW - 5 })?.verdict).toBe("ok");
  expect(finding("not before", { nbf: NOW + 90 })).toEqual({
    verdict: "note",
    about: "not before",
    text: "reached in 1 min 30 s; the runtime ignores nbf and accepts the token now",
  });
  expect(finding("not before", { nbf: "soon" })?.verdict).toBe("note");
});

test("warns of a token above 12 KiB, which may not arrive", () => {
  expect(judgeSize(12_288)).toEqual({ verdict: "ok", about: "size", text: "12288 bytes of 12288" });
  expect(judgeSize(12_289).verdict).toBe("note");
});
