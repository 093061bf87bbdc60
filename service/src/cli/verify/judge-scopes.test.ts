import { describe, expect, test } from "vitest";
import { judgeScopes } from "./judge-scopes.ts";

function field(name: string, value: unknown) {
  return judgeScopes({ [name]: value }).fields.find((reading) => reading.field === name);
}

test("reads absent scopes as the runtime's defaults, which are grants", () => {
  const { verdict, fields } = judgeScopes({});
  expect(verdict).toBe("ok");
  expect(fields.map(({ field: name, given, meaning }) => [name, given, meaning])).toEqual([
    ["can_start_sessions", "absent", "may start sessions (default)"],
    ["can_manage_mode_registry", "absent", "may not register modes or policies (default)"],
    ["is_observer", "absent", "may not read the sessions of others (default)"],
    ["allowed_modes", "absent", "all modes (default)"],
    ["max_open_sessions", "absent", "any number of open sessions (default)"],
  ]);
  expect(judgeScopes(undefined)).toMatchObject({ verdict: "note", fields });
  expect(judgeScopes(null)).toMatchObject({ verdict: "note", fields });
});

test.each([["all"], [7], [[]], [true]])(
  "rejects a token whose macp_scopes is not an object: %j",
  (scopes) => {
    expect(judgeScopes(scopes)).toEqual({
      verdict: "rejected",
      text: "macp_scopes is not an object",
      fields: [],
      ignored: [],
    });
  },
);

describe("what one field means", () => {
  test.each([
    ["can_start_sessions", true, "ok", "may start sessions"],
    ["can_start_sessions", false, "ok", "may not start sessions"],
    ["can_start_sessions", null, "note", "may start sessions (null is the default)"],
    ["can_manage_mode_registry", true, "ok", "may register modes and policies"],
    ["is_observer", true, "ok", "may read the sessions of others; sending is not limited by it"],
    ["allowed_modes", null, "note", "all modes (null is the default)"],
    ["allowed_modes", [], "note", "no mode at all"],
    ["allowed_modes", [""], "note", "no mode at all, only ambient signals"],
    ["allowed_modes", ["vote", ""], "ok", "only this mode, and ambient signals"],
    ["allowed_modes", ["vote", "", "task"], "ok", "only these 2 modes, and ambient signals"],
    ["allowed_modes", ["vote", "", "vote"], "ok", "only this mode, and ambient signals"],
    ["allowed_modes", ["*", ""], "note", 'only this mode, and ambient signals; "*" is not a wildcard'],
    ["allowed_modes", ["vote"], "note", 'only this mode; without "" no ambient signals'],
    ["allowed_modes", ["*"], "note", 'only this mode; "*" is not a wildcard; without "" no ambient signals'],
    ["max_open_sessions", 0, "note", "may hold no session open"],
    ["max_open_sessions", 1, "ok", "at most 1 open session"],
    ["max_open_sessions", 3, "ok", "at most 3 open sessions"],
  ])("%s %j: %s, %s", (name, value, verdict, meaning) => {
    expect(field(name, value)).toMatchObject({ verdict, meaning });
  });
});

describe("one field of a wrong type rejects the whole token", () => {
  test.each([
    ["can_start_sessions", "true"],
    ["can_manage_mode_registry", 1],
    ["is_observer", {}],
    ["allowed_modes", "vote"],
    ["allowed_modes", ["vote", 1]],
    ["allowed_modes", ["\ud800"]],
    ["max_open_sessions", -1],
    ["max_open_sessions", 1.5],
    ["max_open_sessions", "3"],
    ["max_open_sessions", 2 ** 64],
  ])("%s %j", (name, value) => {
    expect(judgeScopes({ [name]: value }).verdict).toBe("rejected");
    expect(field(name, value)?.verdict).toBe("rejected");
  });
});

test("lists the members that the runtime ignores, __proto__ and names of ours in another case among them", () => {
  const scopes: unknown = JSON.parse('{"__proto__":1,"Is_Observer":true,"tenant":"\\u001b[2J"}');
  expect(judgeScopes(scopes)).toMatchObject({
    verdict: "ok",
    ignored: ["__proto__", "Is_Observer", "tenant"],
  });
});

test("takes no field from the prototype", () => {
  const scopes: unknown = JSON.parse('{"constructor":{},"toString":1}');
  expect(judgeScopes(scopes).fields.every(({ given }) => given === "absent")).toBe(true);
});

test("shows what was given escaped and short", () => {
  const given = field("allowed_modes", ["\u202e".repeat(100)])?.given;
  expect(given).not.toContain("\u202e");
  expect(given?.endsWith("…")).toBe(true);
});
