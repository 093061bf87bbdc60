import { describe, expect, test, vi } from "vitest";
import type { ScopeField } from "../scopes/scopes.ts";
import { type InvalidRequest, parseMintRequest } from "./mint-request.ts";

/** Why a body is invalid, or `undefined` for a request. */
function invalid(body: unknown): InvalidRequest | undefined {
  const parsed = parseMintRequest(body, JSON.stringify(body), "ignored");
  return parsed.kind === "invalid" ? parsed.invalid : undefined;
}

describe("a body is rejected for the first thing that is wrong with it", () => {
  const sender: InvalidRequest = { reason: "sender_required" };
  const ttl: InvalidRequest = { reason: "ttl_invalid" };
  const scopes = (field?: ScopeField): InvalidRequest => ({ reason: "scopes_invalid", field });
  const notUnicode = (member: "sender" | "scopes"): InvalidRequest => ({ reason: "not_unicode", member });
  test.each<[unknown, InvalidRequest]>([
    [{}, sender],
    [[], sender],
    [[{ sender: "a" }], sender],
    ...[7, null, {}, [], "", "   ", "\u00a0\t\n", true].map((value): [unknown, InvalidRequest] => [
      { sender: value },
      sender,
    ]),
    ...["x", 1, true, [], null].map((value): [unknown, InvalidRequest] => [
      { sender: "a", scopes: value },
      scopes(),
    ]),
    ...[0, -5, "300", true, {}, Number.POSITIVE_INFINITY].map((value): [unknown, InvalidRequest] => [
      { sender: "a", ttl_seconds: value },
      ttl,
    ]),
    [{ sender: "", scopes: 1, ttl_seconds: 0 }, sender],
    [{ sender: "a", scopes: 1, ttl_seconds: 0 }, scopes()],
    [{ sender: "a", scopes: { can_start_sessions: "yes" } }, scopes("can_start_sessions")],
    [{ sender: "a", scopes: { can_manage_mode_registry: 1 } }, scopes("can_manage_mode_registry")],
    [{ sender: "a", scopes: { is_observer: [] } }, scopes("is_observer")],
    [{ sender: "a", scopes: { allowed_modes: "x" } }, scopes("allowed_modes")],
    [{ sender: "a", scopes: { allowed_modes: ["x", 1] } }, scopes("allowed_modes")],
    ...[-1, 1.5, 0.9999999999999999, "3", 2 ** 64, Number.NaN].map((value): [unknown, InvalidRequest] => [
      { sender: "a", scopes: { max_open_sessions: value } },
      scopes("max_open_sessions"),
    ]),
    [{ sender: "\ud800" }, notUnicode("sender")],
    [{ sender: "a", scopes: { x: [{ y: "\udfff" }] } }, notUnicode("scopes")],
    [{ sender: "a", scopes: { "\ud800": 1 } }, notUnicode("scopes")],
  ])("%j: %j", (body, why) => {
    expect(invalid(body)).toEqual(why);
  });

  test("and a number that a double cannot hold is named as it was written", () => {
    const text = '{"sender":"a","scopes":{"limit":1e400}}';
    expect(parseMintRequest(JSON.parse(text), text, "ignored")).toEqual({
      kind: "invalid",
      invalid: { reason: "number_inexact", number: { path: "scopes.limit", written: "1e400" } },
    });
  });
});

test("members of a prototype are not members of a request", () => {
  expect(invalid(JSON.parse('{"__proto__":{"sender":"a"}}'))).toEqual({ reason: "sender_required" });
});

test("null and absent ttl and scopes mean the defaults, and unknown members are ignored", () => {
  const parsed = parseMintRequest({ sender: "a", ttl_seconds: null, iss: "evil", exp: 1 }, "{}", "ignored");
  expect(parsed).toEqual({ kind: "request", request: { sender: "a", scopes: {}, ttlSeconds: undefined } });
});

test("the runtime's widest counts pass", () => {
  for (const count of [0, 1, 2 ** 53, 2 ** 63])
    expect(invalid({ sender: "a", scopes: { max_open_sessions: count } })).toBeUndefined();
});

describe("the search for inexact numbers costs little", () => {
  /** What is parsed while the request of this text is read. */
  function parsedFor(text: string): { readonly kind: string; readonly parsed: readonly string[] } {
    const body: unknown = JSON.parse(text);
    const parse = vi.spyOn(JSON, "parse");
    try {
      const { kind } = parseMintRequest(body, text, "ignored");
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

  test("and members beside the scopes hide no inexact number in the scopes", () => {
    const beside = `"y":${ones(20_000)}`;
    expect(parsedFor(`{"sender":"a",${beside},"scopes":{"x":1e400}}`).kind).toBe("invalid");
    const hidden = `"scopes":{"x":${ones(20_000)}}`;
    expect(parsedFor(`{"sender":"a",${hidden},"scopes":{"x":1e400}}`).kind).toBe("invalid");
    expect(parsedFor(`{"sender":"a","scopes":{"x":1e400}${" ".repeat(20_000)}}`).kind).toBe("invalid");
  });
});
