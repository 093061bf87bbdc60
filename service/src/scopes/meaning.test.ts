import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Rights, readField, rightsOf } from "./meaning.ts";
import { SCOPE_FIELDS, Scopes } from "./scopes.ts";

const DEFAULTS: Rights = {
  can_start_sessions: true,
  can_manage_mode_registry: false,
  is_observer: false,
  allowed_modes: undefined,
  max_open_sessions: undefined,
};

test("fields that are absent or null grant the runtime's defaults", () => {
  expect(rightsOf({})).toEqual(DEFAULTS);
  expect(rightsOf(Object.fromEntries(SCOPE_FIELDS.map((field) => [field, null])))).toEqual(DEFAULTS);
});

test("fields that are given grant what they say, and others are ignored", () => {
  const scopes = {
    can_start_sessions: false,
    can_manage_mode_registry: true,
    is_observer: true,
    allowed_modes: [],
    max_open_sessions: 0,
  };
  expect(rightsOf({ ...scopes, tenant: 7, Is_Observer: "no" })).toEqual(scopes);
});

test("a member of a prototype grants nothing", () => {
  const scopes = Object.create({ is_observer: true, max_open_sessions: 1 }) as Scopes;
  expect(rightsOf(scopes)).toEqual(DEFAULTS);
});

describe("one field of a wrong type makes the runtime reject the whole token", () => {
  test.each([
    ["can_start_sessions", "true"],
    ["can_manage_mode_registry", 1],
    ["is_observer", {}],
    ["allowed_modes", "vote"],
    ["allowed_modes", ["vote", 1]],
    ["allowed_modes", ["\ud800"]],
    ["max_open_sessions", -1],
    ["max_open_sessions", 1.5],
    ["max_open_sessions", 0.9999999999999999],
    ["max_open_sessions", 5e-324],
    ["max_open_sessions", 2 ** 64],
  ] as const)("%s %j", (field, value) => {
    expect(readField({ [field]: value }, field)).toEqual({ kind: "wrong_type" });
    expect(rightsOf({ [field]: value })).toBeUndefined();
  });
});

test("each field is read as the schema of the API has it, and modes must be Unicode", () => {
  const number = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.constantFrom(
      0,
      -0,
      1,
      2 ** 53,
      2 ** 64 - 2048,
      2 ** 64,
      1e300,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      0.1,
    ),
  );
  const mode = fc.string({
    unit: fc.oneof(fc.string({ minLength: 1, maxLength: 1 }), fc.constant("\ud800")),
  });
  const value = fc.oneof(number, fc.boolean(), mode, fc.array(fc.oneof(mode, mode, number)), fc.anything());
  fc.assert(
    fc.property(fc.constantFrom(...SCOPE_FIELDS), value, (field, given) => {
      const isOfSchema = Scopes.shape[field].safeParse(given).success;
      const isUnicode =
        !Array.isArray(given) || given.every((one) => typeof one === "string" && one.isWellFormed());
      const { kind } = readField({ [field]: given }, field);
      expect(kind !== "wrong_type").toBe(isOfSchema && isUnicode);
    }),
    { numRuns: 2_000 },
  );
});
