import { describe, expect, test } from "vitest";
import { postTokens } from "../support/raw-http.ts";
import { sharedService } from "../support/service-process.ts";
import { mintChecked, refusalOf } from "../support/token-check.ts";

const service = sharedService({ MACP_AUTH_SIGNING_ALG: "ES256" });
const port = () => service().port;

/** A body whose scopes are this JSON text, so that nothing on the way rewrites it. */
const withScopes = (scopes: string) => `{"sender":"a","scopes":${scopes}}`;

describe("row 18: scopes that are not an object, and the order of checks", () => {
  test.each(['"x"', '""', "42", "0", "true", "false", "[]", '["x"]', "null"])(
    "row 18: scopes %s must be an object",
    async (scopes) => {
      const answer = await postTokens(port(), withScopes(scopes));
      expect(answer.text).toBe('{"error":"scopes must be an object"}');
      refusalOf(answer, 400);
    },
  );

  test.each([
    ['{"scopes":1,"ttl_seconds":-1}', "sender is required"],
    ['{"ttl_seconds":-1,"scopes":[],"sender":" "}', "sender is required"],
    ['{"ttl_seconds":-1,"scopes":[],"sender":"a"}', "scopes must be an object"],
    ['{"ttl_seconds":-1,"scopes":{},"sender":"a"}', "ttl_seconds must be a positive number"],
  ])(
    "row 18: %s is rejected for the first fault in the order sender, scopes, ttl: %s",
    async (body, error) => {
      expect(refusalOf(await postTokens(port(), body), 400)).toBe(error);
    },
  );

  test("row 18: a known field of a wrong type is found before a wrong ttl", async () => {
    const body = { sender: "a", scopes: { is_observer: 1 }, ttl_seconds: -1 };
    expect(refusalOf(await postTokens(port(), body), 400)).toContain("scopes.is_observer");
  });
});

describe("row 19: scopes are copied verbatim", () => {
  test.each([
    "{}",
    '{"unknown":1}',
    '{"unknown":null,"a":[],"b":{},"c":"","d":false,"e":[null,[{}]]}',
    '{"a":{"b":{"c":[1,{"d":"é😀"}]}},"z":-1.5}',
    '{"__proto__":{"is_observer":true}}',
    '{"__proto__":null}',
    '{"__proto__":{"__proto__":{"x":1}},"constructor":{"prototype":{"y":1}}}',
    '{"a":{"__proto__":{"x":1}}}',
    '{"toString":"x","valueOf":1,"hasOwnProperty":[],"toJSON":"x"}',
    '{"toJSON":{"a":1},"then":"x"}',
    '{"":"empty key","a b":"space","\\u0000":"nul"}',
    '{"can_start_sessions":true,"can_manage_mode_registry":false,"is_observer":true,"allowed_modes":["","m"],"max_open_sessions":3}',
    '{"z":1,"a":2,"m":3}',
    '{"CAN_START_SESSIONS":"yes","allowed_modes ":7}',
  ])("row 19: %s arrives in macp_scopes as it was sent", async (scopes) => {
    const { payloadText } = await mintChecked(port(), withScopes(scopes));
    expect(payloadText).toContain(`"macp_scopes":${scopes}`);
  });

  test("row 19: no request leaves anything behind for the next one", async () => {
    const poison =
      '{"sender":"p","scopes":{"__proto__":{"is_observer":true,"polluted":1},"constructor":{"prototype":{"polluted":1}}},"__proto__":{"sender":"q","ttl_seconds":7,"scopes":{"x":1}}}';
    const { response, payload } = await mintChecked(port(), poison);
    expect(response).toMatchObject({ sender: "p", expires_in_seconds: 300 });
    expect(payload.sub).toBe("p");

    const { payload: next, payloadText, response: plain } = await mintChecked(port(), { sender: "b" });
    expect(next["macp_scopes"]).toEqual({});
    expect(payloadText).not.toContain("polluted");
    expect(plain.expires_in_seconds).toBe(300);
    expect((await postTokens(port(), "{}")).text).toBe('{"error":"sender is required"}');
  });
});

describe("row 19: a number in scopes is signed as it was sent, or not at all", () => {
  test.each([
    "0.1",
    "-1.5",
    "1e2",
    "1.0",
    "-0",
    "123456789012345",
    "9007199254740992",
    "1E+2",
    "5e-324",
    "1e23",
  ])("row 19: %s arrives with its value", async (number) => {
    const { payload } = await mintChecked(port(), withScopes(`{"a":[{"b":${number}}]}`));
    expect(payload["macp_scopes"]).toEqual({ a: [{ b: Number(number) + 0 }] });
  });

  test.each([
    ['{"a":1e400}', "scopes.a is 1e400,"],
    ['{"a":-1e400}', "scopes.a is -1e400,"],
    ['{"a":1e-400}', "scopes.a is 1e-400,"],
    ['{"max_open_sessions":12345678901234567890}', "scopes.max_open_sessions is 12345678901234567890,"],
    ['{"a":9007199254740993}', "scopes.a is 9007199254740993,"],
    ['{"a":{"b":[1,{"c":0.1234567890123456789}]}}', "scopes.a.b[1].c is 0.1234567890123456789,"],
    ['{"__proto__":{"x":1e400}}', "scopes.__proto__.x is 1e400,"],
    ['{"a":1,"a":1e400}', "scopes.a is 1e400,"],
  ])("row 19: %s is 400 with a text that names the member", async (scopes, words) => {
    const error = refusalOf(await postTokens(port(), withScopes(scopes)), 400);
    expect(error).toBe(`${words} which a double cannot hold exactly; send another number, or a string`);
  });

  test("row 19: a number that is not signed may be any: in another member, in a text, or replaced by a later one", async () => {
    for (const body of [
      '{"sender":"a","nbf":1e400,"x":[12345678901234567890]}',
      '{"sender":"1e400 12345678901234567890","scopes":{"a":1,"b":"1e400"}}',
      '{"sender":"a","scopes":{"a":1e400,"a":1}}',
      '{"sender":"a","scopes":{"a":1e400},"scopes":{"a":1}}',
    ])
      await mintChecked(port(), body);
  });

  test("row 19: it is found after a wrong sender, and before a wrong ttl", async () => {
    const body = (sender: string) => `{"sender":${sender},"scopes":{"a":1e400},"ttl_seconds":-1}`;
    expect(refusalOf(await postTokens(port(), body("7")), 400)).toBe("sender is required");
    expect(refusalOf(await postTokens(port(), body('"a"')), 400)).toContain("scopes.a is 1e400");
  });
});

describe("row 20: known fields of a wrong type", () => {
  const notABool = ["0", "1", '"true"', '""', "[]", "{}", "[true]"];
  const wrong: Readonly<Record<string, readonly string[]>> = {
    can_start_sessions: notABool,
    can_manage_mode_registry: notABool,
    is_observer: notABool,
    allowed_modes: [
      '"m"',
      '"*"',
      '""',
      "0",
      "42",
      "true",
      "false",
      "{}",
      "[1]",
      '["m",null]',
      "[[]]",
      '[["m"]]',
      "[{}]",
      "[true]",
    ],
    max_open_sessions: [
      "1.5",
      "0.1",
      "-1",
      "-0.5",
      '"3"',
      '""',
      "true",
      "false",
      "[]",
      "[1]",
      "{}",
      "18446744073709551616",
      "1e30",
      "1e400",
      "-1e400",
    ],
  };
  const cases = Object.entries(wrong).flatMap(([field, values]) =>
    values.map((value) => [field, value] as const),
  );

  test.each(cases)("row 20: %s: %s is rejected, and the error names the field", async (field, value) => {
    const error = refusalOf(await postTokens(port(), withScopes(`{"${field}":${value}}`)), 400);
    expect(error).toContain(`scopes.${field}`);
    expect(error.length).toBeGreaterThan(`scopes.${field}`.length);
  });

  test.each(["0", "1", "1000", "4294967296", "9007199254740992"])(
    "row 20: max_open_sessions %s is a number of sessions",
    async (value) => {
      const { payloadText } = await mintChecked(port(), withScopes(`{"max_open_sessions":${value}}`));
      expect(payloadText).toContain(`"macp_scopes":{"max_open_sessions":${value}}`);
    },
  );

  test.each(["true", "false"])("row 20: %s is a valid value of each switch", async (value) => {
    for (const field of ["can_start_sessions", "can_manage_mode_registry", "is_observer"]) {
      const { payloadText } = await mintChecked(port(), withScopes(`{"${field}":${value}}`));
      expect(payloadText).toContain(`"macp_scopes":{"${field}":${value}}`);
    }
  });

  test("row 20: a known name at a deeper level is an unknown field", async () => {
    const { payloadText } = await mintChecked(
      port(),
      withScopes('{"x":{"is_observer":"no","max_open_sessions":-1}}'),
    );
    expect(payloadText).toContain('{"x":{"is_observer":"no","max_open_sessions":-1}}');
  });
});

describe("row 21: scopes that may not mean what their author expects", () => {
  test.each([
    ["can_start_sessions", '{"can_start_sessions":null}'],
    ["can_manage_mode_registry", '{"can_manage_mode_registry":null}'],
    ["is_observer", '{"is_observer":null}'],
    ["allowed_modes", '{"allowed_modes":null}'],
    ["max_open_sessions", '{"max_open_sessions":null}'],
    ["allowed_modes", '{"allowed_modes":[]}'],
    ["allowed_modes", '{"allowed_modes":[""]}'],
    ["allowed_modes", '{"allowed_modes":["*"]}'],
    ["allowed_modes", '{"allowed_modes":["","*"]}'],
    ["allowed_modes", '{"allowed_modes":["macp.mode.task.v1"]}'],
  ])("row 21: the caller is warned about %s in %s, which is minted verbatim", async (field, scopes) => {
    const { response, payloadText } = await mintChecked(port(), withScopes(scopes));
    expect(payloadText).toContain(`"macp_scopes":${scopes}`);
    expect(response.warnings?.length).toBeGreaterThan(0);
    for (const warning of response.warnings ?? []) expect(typeof warning).toBe("string");
    expect(response.warnings?.join("\n")).toContain(field);
  });

  test("row 21: several surprises are several warnings", async () => {
    const { response } = await mintChecked(
      port(),
      withScopes('{"can_start_sessions":null,"max_open_sessions":null}'),
    );
    expect(response.warnings?.length).toBeGreaterThanOrEqual(2);
  });

  test.each([
    "{}",
    '{"can_start_sessions":true}',
    '{"can_start_sessions":false,"can_manage_mode_registry":false,"is_observer":false,"allowed_modes":["","m"],"max_open_sessions":0}',
    '{"allowed_modes":["macp.mode.task.v1",""]}',
  ])("row 21: with %s there is no warning and no warnings member", async (scopes) => {
    const { response } = await mintChecked(port(), withScopes(scopes));
    expect(Object.keys(response)).not.toContain("warnings");
  });

  test("row 21: without scopes there is no warnings member", async () => {
    const { response } = await mintChecked(port(), { sender: "a" });
    expect(Object.keys(response)).not.toContain("warnings");
  });
});
