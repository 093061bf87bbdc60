import { describe, expect, test } from "vitest";
import { type Rights, readField, rightsOf } from "./meaning.ts";
import { SCOPE_FIELDS, type Scopes } from "./scopes.ts";

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
    ["max_open_sessions", 2 ** 64],
  ] as const)("%s %j", (field, value) => {
    expect(readField({ [field]: value }, field)).toEqual({ kind: "wrong_type" });
    expect(rightsOf({ [field]: value })).toBeUndefined();
  });
});
