import { describe, expect, test } from "vitest";
import { surprisesIn } from "../scopes/surprises.ts";
import type { InvalidRequest } from "../tokens/mint-request.ts";
import { textOf, warningOf } from "./mint-words.ts";

test.each<[InvalidRequest, string | undefined]>([
  [{ reason: "sender_required" }, undefined],
  [{ reason: "ttl_invalid" }, undefined],
  [{ reason: "scopes_invalid", field: undefined }, undefined],
  [{ reason: "scopes_invalid", field: "is_observer" }, "scopes.is_observer must be a boolean"],
  [{ reason: "scopes_invalid", field: "allowed_modes" }, "scopes.allowed_modes must be an array of strings"],
  [
    { reason: "scopes_invalid", field: "max_open_sessions" },
    "scopes.max_open_sessions must be a whole number of 0 or more",
  ],
  [
    { reason: "not_unicode", member: "sender" },
    "sender holds half of a surrogate pair, which is not Unicode text",
  ],
  [
    { reason: "number_inexact", number: { path: "scopes.\u001b", written: `1${"0".repeat(50)}1` } },
    `scopes.\\u{1b} is 1${"0".repeat(39)}…, which a double cannot hold exactly; send another number, or a string`,
  ],
])("%j names what is at fault, short and printable", (invalid, text) => {
  expect(textOf(invalid)).toBe(text);
});

describe("a warning says what the runtime makes of", () => {
  test.each([
    [{ can_start_sessions: null }, [/can_start_sessions is null.*true/]],
    [
      { can_manage_mode_registry: null, is_observer: null },
      [/registry is null.*false/, /is_observer is null.*false/],
    ],
    [{ allowed_modes: null, max_open_sessions: null }, [/all modes/, /no limit/]],
    [{ allowed_modes: [] }, [/no mode at all$/]],
    [{ allowed_modes: [""] }, [/no mode at all, only ambient signals/]],
    [{ allowed_modes: ["*", ""] }, [/not a wildcard/]],
    [{ allowed_modes: ["x"] }, [/rejects ambient signals/]],
    [{ allowed_modes: ["*"] }, [/not a wildcard/, /ambient signals/]],
    [{ allowed_modes: ["x", ""] }, []],
    [{}, []],
    [{ can_start_sessions: false, max_open_sessions: 0 }, []],
  ])("%j", (scopes, expected) => {
    const warnings = surprisesIn(scopes).map(warningOf);
    expect(warnings).toHaveLength(expected.length);
    expected.forEach((pattern, index) => {
      expect(warnings[index]).toMatch(pattern);
    });
  });
});
