import { describe, expect, test, vi } from "vitest";
import { parseMintRequest } from "./mint-request.ts";
import { warningsAbout } from "./scopes.ts";

const answer = (body: unknown): string => {
  const parsed = parseMintRequest(body, JSON.stringify(body));
  return parsed.kind === "invalid" ? parsed.invalid.text : "a request";
};

describe("a body is refused with the words that callers know", () => {
  const sender = "sender is required";
  const ttl = "ttl_seconds must be a positive number";
  test.each<[unknown, string]>([
    [{}, sender],
    [[], sender],
    [[{ sender: "a" }], sender],
    ...[7, null, {}, [], "", "   ", "\u00a0\t\n", true].map((value): [unknown, string] => [
      { sender: value },
      sender,
    ]),
    ...["x", 1, true, [], null].map((value): [unknown, string] => [
      { sender: "a", scopes: value },
      "scopes must be an object",
    ]),
    ...[0, -5, "300", true, {}, Number.POSITIVE_INFINITY].map((value): [unknown, string] => [
      { sender: "a", ttl_seconds: value },
      ttl,
    ]),
    [{ sender: "", scopes: 1, ttl_seconds: 0 }, sender],
    [{ sender: "a", scopes: 1, ttl_seconds: 0 }, "scopes must be an object"],
    [{ sender: "a", scopes: { can_start_sessions: "yes" } }, "scopes.can_start_sessions must be a boolean"],
    [
      { sender: "a", scopes: { can_manage_mode_registry: 1 } },
      "scopes.can_manage_mode_registry must be a boolean",
    ],
    [{ sender: "a", scopes: { is_observer: [] } }, "scopes.is_observer must be a boolean"],
    [{ sender: "a", scopes: { allowed_modes: "x" } }, "scopes.allowed_modes must be an array of strings"],
    ...[-1, 1.5, "3", 2 ** 64, Number.NaN].map((value): [unknown, string] => [
      { sender: "a", scopes: { max_open_sessions: value } },
      "scopes.max_open_sessions must be a whole number of 0 or more",
    ]),
    [{ sender: "\ud800" }, "sender holds half of a surrogate pair, which is not Unicode text"],
    [
      { sender: "a", scopes: { x: [{ y: "\udfff" }] } },
      "scopes hold half of a surrogate pair, which is not Unicode text",
    ],
    [
      { sender: "a", scopes: { "\ud800": 1 } },
      "scopes hold half of a surrogate pair, which is not Unicode text",
    ],
  ])("%j: %s", (body, text) => {
    expect(answer(body)).toBe(text);
  });

  test("and a list of modes that holds something else names the field", () => {
    expect(answer({ sender: "a", scopes: { allowed_modes: ["x", 1] } })).toContain("scopes.allowed_modes");
  });
});

test("members of a prototype are no members of a request", () => {
  expect(answer(JSON.parse('{"__proto__":{"sender":"a"}}'))).toBe("sender is required");
});

test("null and absent ttl and scopes mean the defaults, and unknown members are ignored", () => {
  const parsed = parseMintRequest({ sender: "a", ttl_seconds: null, iss: "evil", exp: 1 }, "{}");
  expect(parsed).toEqual({ kind: "request", request: { sender: "a", scopes: {}, ttlSeconds: undefined } });
});

test("the runtime's widest counts pass", () => {
  for (const count of [0, 1, 2 ** 53, 2 ** 63])
    expect(answer({ sender: "a", scopes: { max_open_sessions: count } })).toBe("a request");
});

describe("warnings tell what the runtime makes of", () => {
  test.each([
    [{ can_start_sessions: null }, [/can_start_sessions is null.*true/]],
    [
      { can_manage_mode_registry: null, is_observer: null },
      [/registry is null.*false/, /is_observer is null.*false/],
    ],
    [{ allowed_modes: null, max_open_sessions: null }, [/all modes/, /no limit/]],
    [{ allowed_modes: [] }, [/no mode at all/]],
    [{ allowed_modes: [""] }, [/no mode at all, ambient signals alone/]],
    [{ allowed_modes: ["*", ""] }, [/no wildcard/]],
    [{ allowed_modes: ["x"] }, [/ambient signals/]],
    [{ allowed_modes: ["*"] }, [/no wildcard/, /ambient signals/]],
    [{ allowed_modes: ["x", ""] }, []],
    [{}, []],
    [{ can_start_sessions: false, max_open_sessions: 0 }, []],
  ])("%j", (scopes, expected) => {
    const warnings = warningsAbout(scopes);
    expect(warnings).toHaveLength(expected.length);
    expected.forEach((pattern, index) => {
      expect(warnings[index]).toMatch(pattern);
    });
  });
});

describe("the look for numbers that are not exact costs no more than a token is worth", () => {
  /** What is parsed while the request of this text is read. */
  function parsedFor(text: string): { readonly kind: string; readonly parsed: readonly string[] } {
    const body: unknown = JSON.parse(text);
    const parse = vi.spyOn(JSON, "parse");
    try {
      const { kind } = parseMintRequest(body, text);
      return { kind, parsed: parse.mock.calls.map(([given]) => given) };
    } finally {
      parse.mockRestore();
    }
  }
  const ones = (count: number, of = "1"): string => `[${Array.from({ length: count }, () => of).join(",")}]`;

  test.each(["1", "1e1", "1e400", "12345678901234567890"])(
    "so a body whose scopes fit into no token is not parsed a second time, with numbers such as %s",
    (number) => {
      const large = `{"sender":"a","y":1e1,"scopes":{"x":${ones(20_000, number)}}}`;
      const { kind, parsed } = parsedFor(large);
      expect([kind, parsed.length]).toEqual(["request", 0]);
    },
  );

  test("and of any other each number that is exact by its form stays as it is", () => {
    const text = `{"sender":"a","y":1e1,"scopes":{"x":[1,-0,1.5,123456789012345,0.1234567890123]}}`;
    expect(parsedFor(text)).toEqual({ kind: "request", parsed: [text.replace("1e1", '"1e1"')] });
  });

  test("and what stands beside the scopes makes no inexact number of theirs pass", () => {
    const beside = `"y":${ones(20_000)}`;
    expect(parsedFor(`{"sender":"a",${beside},"scopes":{"x":1e400}}`).kind).toBe("invalid");
    const hidden = `"scopes":{"x":${ones(20_000)}}`;
    expect(parsedFor(`{"sender":"a",${hidden},"scopes":{"x":1e400}}`).kind).toBe("invalid");
    expect(parsedFor(`{"sender":"a","scopes":{"x":1e400}${" ".repeat(20_000)}}`).kind).toBe("invalid");
  });
});
