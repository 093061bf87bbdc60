import { describe, expect, test } from "vitest";
import { postTokens } from "../support/raw-http.ts";
import { sharedService, withService } from "../support/service-process.ts";
import { type MintResponse, mintChecked, publishedKeys, refusalOf } from "../support/token-check.ts";

const TOKEN_BYTES_MAX = 12_288;

const service = sharedService();
const port = () => service().port;

describe("row 08: a mint", () => {
  test.each(["RS256", "ES256"] as const)(
    "row 08: %s: the response, the header and the payload hold what they must and nothing else",
    async (alg) => {
      await withService({ MACP_AUTH_SIGNING_ALG: alg }, async (own) => {
        const before = Math.floor(Date.now() / 1000);
        const { response, header, payload } = await mintChecked(own.port, { sender: "a" });
        const kid = (await publishedKeys(own.port)).keys[0]?.kid;

        expect(header).toEqual({ alg, kid, typ: "JWT" });
        expect(payload).toEqual({
          iss: "macp-auth-service",
          aud: "macp-runtime",
          sub: "a",
          iat: payload.iat,
          exp: payload.iat + 300,
          jti: response.token_id,
          macp_scopes: {},
        });
        expect(payload.iat).toBeGreaterThanOrEqual(before - 1);
        expect(payload.iat).toBeLessThanOrEqual(before + 5);
        expect(response).toEqual({
          token: response.token,
          sender: "a",
          expires_in_seconds: 300,
          token_id: response.token_id,
          expires_at: payload.exp,
        });
        expect(response.token_id).toMatch(/^[A-Za-z0-9_-]{22}$/);
      });
    },
  );

  test("row 08: the response is JSON that no cache may keep", async () => {
    const answer = await postTokens(port(), { sender: "a" });
    expect(answer.headers.get("content-type")).toMatch(/^application\/json(?:;|$)/);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  test("row 08: the configured issuer and audience are signed, the audience as one string", async () => {
    await withService(
      { MACP_AUTH_ISSUER: "https://auth.example/é", MACP_AUTH_AUDIENCE: "runtime one,two" },
      async (own) => {
        const { payload } = await mintChecked(own.port, { sender: "a" });
        expect(payload.iss).toBe("https://auth.example/é");
        expect(payload.aud).toBe("runtime one,two");
      },
    );
  });

  test("row 08: no two tokens share an id", async () => {
    const answers = await Promise.all(Array.from({ length: 200 }, () => postTokens(port(), { sender: "a" })));
    const ids = answers.map((answer) => (JSON.parse(answer.text) as MintResponse).token_id);
    expect(new Set(ids).size).toBe(200);
  });
});

describe("rows 22 to 25: the time to live", () => {
  test.each([
    ["row 22", "60", 60],
    ["row 22", "3600", 3600],
    ["row 22", "9999", 3600],
    ["row 22", "3601", 3600],
    ["row 22", "1e300", 3600],
    ["row 22", "6e1", 60],
    ["row 22", "60.0", 60],
    ["row 22", "1", 1],
    ["row 23", "null", 300],
    ["row 25", "59.5", 59],
    ["row 25", "59.999999", 59],
    ["row 25", "1.5", 1],
    ["row 25", "0.4", 1],
    ["row 25", "1e-7", 1],
    ["row 25", "5e-324", 1],
    ["row 25", "3600.5", 3600],
  ])("%s: ttl_seconds %s gives a token that lives %i seconds", async (_row, ttl, seconds) => {
    const { response, payload } = await mintChecked(port(), `{"sender":"a","ttl_seconds":${ttl}}`);
    expect(response.expires_in_seconds).toBe(seconds);
    expect(payload.exp - payload.iat).toBe(seconds);
    expect(response.expires_at).toBe(payload.exp);
    expect(Number.isInteger(payload.iat)).toBe(true);
  });

  test("row 23: an absent ttl_seconds gives the default", async () => {
    const { response } = await mintChecked(port(), { sender: "a", scopes: {} });
    expect(response.expires_in_seconds).toBe(300);
  });

  test("row 22: the maximum and the default are the configured ones", async () => {
    await withService(
      { MACP_AUTH_MAX_TTL_SECONDS: "120", MACP_AUTH_DEFAULT_TTL_SECONDS: "45" },
      async (own) => {
        expect((await mintChecked(own.port, { sender: "a" })).response.expires_in_seconds).toBe(45);
        expect(
          (await mintChecked(own.port, { sender: "a", ttl_seconds: 121 })).response.expires_in_seconds,
        ).toBe(120);
      },
    );
  });

  test.each([
    "0",
    "-0",
    "0.0",
    "-5",
    "-0.1",
    "-1e400",
    "1e400",
    '"300"',
    '""',
    "true",
    "false",
    "{}",
    "[]",
    "[60]",
  ])("row 24: ttl_seconds %s must be a positive number", async (ttl) => {
    const answer = await postTokens(port(), `{"sender":"a","ttl_seconds":${ttl}}`);
    expect(answer.text).toBe('{"error":"ttl_seconds must be a positive number"}');
    refusalOf(answer, 400);
  });
});

describe("row 26: senders are signed byte for byte", () => {
  /** Controls, line and paragraph separators, the marks that turn the reading direction, and what has no width. */
  const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u;
  const senders = [
    " agent://é😀 ",
    "a\u0000b",
    "a\nb\r\nc\td",
    "\u001b[31mred\u001b[0m",
    "a\u2028\u2029b",
    "\u202eevil",
    "e\u0301",
    "\u00e9",
    "\ufffd",
    "\uffff\u{10ffff}",
    "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}",
    '"}\\"',
    "__proto__",
    "constructor",
    "<script>alert(1)</script>",
    "0",
    "null",
    "x".repeat(2_000),
    " \ufeffa",
  ];

  test.each(senders)(
    "row 26: %j is the sub of the token and the sender of the response, and is escaped in one log line",
    async (sender) => {
      const { response, payload, payloadText } = await mintChecked(port(), { sender });
      expect(response.sender).toBe(sender);
      expect(payload.sub).toBe(sender);
      expect(JSON.parse(payloadText)).toMatchObject({ sub: sender });
      const line = await service().event("token_minted", (minted) => minted["jti"] === response.token_id);
      expect(line["sender"]).not.toMatch(UNPRINTABLE);
      // The backslash is escaped as well, so that no sender can imitate the escape of another.
      if (!UNPRINTABLE.test(sender) && !sender.includes("\\")) expect(line["sender"]).toBe(sender);
    },
  );

  test("row 26: an escaped pair of surrogates is the character it stands for", async () => {
    const { payload } = await mintChecked(port(), '{"sender":"\\ud83d\\ude00"}');
    expect(payload.sub).toBe("😀");
  });

  test("row 26: no control character of a sender reaches the log as it is", async () => {
    await mintChecked(port(), { sender: '\u001b[2J\u0007\u0000\r\n{"event":"forged"}' });
    expect(service().output().replaceAll("\n", "")).not.toMatch(UNPRINTABLE);
    expect(service().events("forged")).toEqual([]);
  });
});

describe("row 27: lone surrogates", () => {
  test.each([
    '{"sender":"\\ud800"}',
    '{"sender":"a\\udc00b"}',
    '{"sender":"\\ude00\\ud83d"}',
    '{"sender":"😀\\ud83d"}',
    '{"sender":"a","scopes":{"\\ud800":1}}',
    '{"sender":"a","scopes":{"x":"\\udfff"}}',
    '{"sender":"a","scopes":{"x":["ok",{"y":"a\\ud800"}]}}',
    '{"sender":"a","scopes":{"x":[{"\\udbff":true}]}}',
    '{"sender":"a","scopes":{"allowed_modes":["","\\ud800"]}}',
  ])("row 27: %s is rejected", async (body) => {
    refusalOf(await postTokens(port(), body), 400);
  });
});

describe("rows 28 and 29: what the caller cannot set", () => {
  test("row 28: claims and header members in the body are ignored", async () => {
    const { response, header, payload } = await mintChecked(port(), {
      sender: "a",
      iss: "evil",
      aud: ["evil"],
      sub: "evil",
      exp: 9_999_999_999,
      iat: 1,
      nbf: 9_999_999_999,
      kid: "evil",
      alg: "none",
      typ: "evil",
      jti: "evil",
      macp_scopes: { is_observer: true },
    });
    expect(header).toEqual({ alg: "RS256", kid: header["kid"], typ: "JWT" });
    expect(Object.keys(payload).sort()).toEqual(["aud", "exp", "iat", "iss", "jti", "macp_scopes", "sub"]);
    expect(payload["macp_scopes"]).toEqual({});
    expect(response.expires_in_seconds).toBe(300);
    expect(JSON.stringify([header, payload, { ...response, token: "" }])).not.toMatch(/evil|9999999999/);
  });

  test.each(["Bearer x", "Bearer ", "Basic YTpi", "nonsense", "Bearer eyJhbGciOiJub25lIn0.e30."])(
    "row 29: Authorization: %s is ignored while callers are not authenticated",
    async (authorization) => {
      const answer = await postTokens(port(), { sender: "a" }, { authorization });
      expect(answer.status).toBe(200);
      expect(Object.keys(JSON.parse(answer.text) as object).sort()).toEqual([
        "expires_at",
        "expires_in_seconds",
        "sender",
        "token",
        "token_id",
      ]);
    },
  );
});

describe("row 30: the size of a token", () => {
  const padded = (bytes: number) => ({ sender: "a", scopes: { x: "p".repeat(bytes) } });

  test("row 30: a token over 12 KiB is rejected with its size and the limit, one below is minted", async () => {
    const plain = (await mintChecked(port(), padded(8_000))).response.token.length;
    let bytes = 8_000 + Math.floor(((TOKEN_BYTES_MAX - plain) * 3) / 4) - 8;
    let largest = 0;
    let answer = await postTokens(port(), padded(bytes));
    for (let steps = 0; answer.status === 200 && steps < 32; steps += 1) {
      largest = (JSON.parse(answer.text) as MintResponse).token.length;
      bytes += 1;
      answer = await postTokens(port(), padded(bytes));
    }
    expect(largest).toBeGreaterThanOrEqual(TOKEN_BYTES_MAX - 2);
    expect(largest).toBeLessThanOrEqual(TOKEN_BYTES_MAX);

    const numbers = (refusalOf(answer, 400).replaceAll(",", "").match(/\d+/g) ?? []).map(Number);
    expect(numbers).toContain(TOKEN_BYTES_MAX);
    expect(numbers.some((size) => size > TOKEN_BYTES_MAX && size <= TOKEN_BYTES_MAX + 2)).toBe(true);
  });

  test("row 30: the limit holds whether the sender or the scopes are large", async () => {
    expect(refusalOf(await postTokens(port(), { sender: "s".repeat(20_000) }), 400)).toContain("12288");
    expect(refusalOf(await postTokens(port(), { sender: "é".repeat(5_000) }), 400)).toContain("12288");
    expect(refusalOf(await postTokens(port(), padded(90_000)), 400)).toContain("12288");
  });
});
