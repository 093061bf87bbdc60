import { describe, expect, test } from "vitest";
import { ask, postTokens, RawConnection, sendRaw } from "../support/raw-http.ts";
import { sharedService, withService } from "../support/service-process.ts";
import { privateJwk, publicHalf, signingWith } from "../support/signing-keys.ts";
import { publishedKeys, refusalOf } from "../support/token-check.ts";

const JWKS = "/.well-known/jwks.json";
const MINT = '{"sender":"a"}';
const post = (target: string) =>
  `POST ${target} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(MINT.length)}\r\n\r\n${MINT}`;

const service = sharedService();
const port = () => service().port;

describe("row 01: health", () => {
  test('row 01: GET /healthz is 200 with {"ok":true} and nothing else in the body', async () => {
    const answer = await ask(port(), { path: "/healthz" });
    expect(answer.status).toBe(200);
    expect(answer.text).toBe('{"ok":true}');
    expect(answer.headers.get("content-type")).toMatch(/^application\/json(?:;|$)/);
  });

  test.each(["127.0.0.1", "::1"])(
    "row 01: the default bind answers on %s, since localhost may be either",
    async (host) => {
      const answer = await ask(port(), { host, path: "/healthz" });
      expect(answer.text).toBe('{"ok":true}');
    },
  );

  test("row 01: every response carries an x-request-id of its own", async () => {
    const answers = await Promise.all([
      ask(port(), { path: "/healthz" }),
      ask(port(), { path: JWKS }),
      ask(port(), { path: "/nope" }),
      ask(port(), { path: "/tokens", method: "OPTIONS" }),
      postTokens(port(), { sender: "a" }),
      postTokens(port(), "{"),
    ]);
    const ids = answers.map((answer) => answer.headers.get("x-request-id") ?? "");
    for (const id of ids) expect(id).not.toBe("");
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe("row 02: the published keys", () => {
  test.each([
    ["RS256", ["alg", "e", "kid", "kty", "n", "use"]],
    ["ES256", ["alg", "crv", "kid", "kty", "use", "x", "y"]],
  ] as const)(
    "row 02: an ephemeral %s key is published with only its public members, kid, alg and use",
    async (alg, members) => {
      await withService({ MACP_AUTH_SIGNING_ALG: alg }, async (own) => {
        const { keys } = await publishedKeys(own.port);
        expect(keys).toHaveLength(1);
        expect(Object.keys(keys[0] ?? {}).sort()).toEqual(members);
        expect(keys[0]).toMatchObject({ alg, use: "sig" });
      });
    },
  );

  test.each(["RS256", "ES256"] as const)(
    "row 02: a configured %s key is published without its private and its foreign members",
    async (alg) => {
      const jwk = { ...privateJwk(alg), kid: "mine", alg, use: "sig" };
      await withService(
        signingWith(alg, { ...jwk, key_ops: ["sign"], ext: true, note: "for no one else" }),
        async (own) => {
          expect(await publishedKeys(own.port)).toEqual({ keys: [publicHalf(jwk)] });
        },
      );
    },
  );

  test("row 02: the document is JSON that any origin may read and any cache may keep for a minute", async () => {
    const answer = await ask(port(), { path: JWKS });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toMatch(/^application\/json(?:;|$)/);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=60");
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(Object.keys(JSON.parse(answer.text) as object)).toEqual(["keys"]);
  });

  test("row 02: its ETag is strong, changes only with the keys, and differs from another service's", async () => {
    const [first, second] = [await ask(port(), { path: JWKS }), await ask(port(), { path: JWKS })];
    const etag = first.headers.get("etag");
    expect(etag).toMatch(/^"[\x21\x23-\x7e]+"$/);
    expect(second.headers.get("etag")).toBe(etag);
    await withService({}, async (other) => {
      expect((await ask(other.port, { path: JWKS })).headers.get("etag")).not.toBe(etag);
    });
  });

  test.each([
    ["the same tag", (etag: string) => etag],
    ["the weak form of the tag", (etag: string) => `W/${etag}`],
    ["a list that holds the tag", (etag: string) => `"other", ${etag}`],
    ["a star", () => "*"],
  ])(
    "row 02: If-None-Match with %s is answered 304, with the tag and without a body",
    async (_name, condition) => {
      const etag = (await ask(port(), { path: JWKS })).headers.get("etag") ?? "";
      const answer = await ask(port(), { path: JWKS, headers: { "if-none-match": condition(etag) } });
      expect(answer.status).toBe(304);
      expect(answer.body).toHaveLength(0);
      expect(answer.headers.get("etag")).toBe(etag);
      expect(answer.headers.get("cache-control")).toBe("public, max-age=60");
    },
  );

  test("row 02: If-None-Match with another tag is answered with the whole document", async () => {
    const answer = await ask(port(), { path: JWKS, headers: { "if-none-match": '"other"' } });
    expect(answer.status).toBe(200);
    expect(answer.text).toContain('"keys"');
  });
});

describe("row 03: HEAD", () => {
  test.each([
    ["/healthz", 200],
    [JWKS, 200],
    ["/tokens", 404],
  ])("row 03: HEAD %s is %i without a body, and the connection stays in step", async (path, status) => {
    const connection = await RawConnection.open(port());
    connection.send(
      `HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    const head = await connection.response({ bodiless: true });
    const next = await connection.response();
    connection.destroy();
    expect(head?.status).toBe(status);
    expect(next?.text).toBe('{"ok":true}');
  });
});

describe("row 04: OPTIONS", () => {
  test.each([
    ["/tokens", "POST"],
    ["/healthz", "GET, HEAD"],
    [JWKS, "GET, HEAD"],
  ])("row 04: OPTIONS %s is 204 and allows %s", async (path, allow) => {
    const answer = await ask(port(), { method: "OPTIONS", path });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("allow")).toBe(allow);
    expect(answer.body).toHaveLength(0);
  });
});

describe("rows 05 and 06: unknown paths and methods", () => {
  const notFound = '{"error":"not found"}';

  test.each([
    ["GET", "/tokens"],
    ["PUT", "/tokens"],
    ["DELETE", "/tokens"],
    ["PATCH", "/tokens"],
    ["POST", "/healthz"],
    ["PUT", "/healthz"],
    ["DELETE", "/healthz"],
    ["POST", JWKS],
    ["DELETE", JWKS],
  ])("row 05: %s %s is 404 with a JSON body", async (method, path) => {
    const answer = await ask(port(), {
      method,
      path,
      headers: { "content-type": "application/json" },
      body: method === "GET" ? "" : MINT,
    });
    expect(answer.text).toBe(notFound);
    refusalOf(answer, 404);
  });

  test.each([
    ["GET", "/"],
    ["GET", "/nope"],
    ["POST", "/nope"],
    ["OPTIONS", "/nope"],
    ["GET", "//healthz"],
    ["POST", "//tokens"],
    ["POST", "/tokens//"],
    ["POST", "/tokens/x"],
    ["POST", "/tokens/a/"],
    ["POST", "/token"],
    ["POST", "/tokensx"],
    ["POST", "/v1/tokens"],
    ["GET", "/.well-known"],
    ["GET", "/.well-known/jwks"],
    ["GET", "/.well-known/openid-configuration-nope"],
    ["GET", "/healthz/x"],
    ["GET", "/%"],
    ["GET", "/%ff"],
    ["GET", "/nope?sender=a"],
  ])("row 06: %s %s is 404 with a JSON body", async (method, target) => {
    const body =
      method === "POST"
        ? `Content-Type: application/json\r\nContent-Length: ${String(MINT.length)}\r\n\r\n${MINT}`
        : "\r\n";
    const answer = await sendRaw(port(), `${method} ${target} HTTP/1.1\r\nHost: x\r\n${body}`);
    expect(answer?.text).toBe(notFound);
    refusalOf(answer, 404);
  });

  test.each(["TRACE", "PROPFIND", "LOCK", "PURGE"])(
    "row 05: the method %s is 404 everywhere",
    async (method) => {
      for (const path of ["/tokens", "/healthz", JWKS]) {
        refusalOf(await sendRaw(port(), `${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`), 404);
      }
    },
  );
});

describe("row 07: spellings of the same path", () => {
  test.each([
    "/TOKENS",
    "/Tokens",
    "/tokens/",
    "/TOKENS/",
    "/tokens?x=1",
    "/tokens/?x=1",
    "/tokens?",
    "/tokens?sender=b&ttl_seconds=1",
  ])("row 07: POST %s works like /tokens", async (target) => {
    const answer = await sendRaw(port(), post(target));
    expect(answer?.status).toBe(200);
    expect(JSON.parse(answer?.text ?? "")).toMatchObject({ sender: "a", expires_in_seconds: 300 });
  });

  test("row 07: a target in absolute form works like its path (RFC 9112 section 3.2.2)", async () => {
    expect((await sendRaw(port(), post("http://auth.example/tokens")))?.status).toBe(200);
    expect((await sendRaw(port(), post("http://auth.example:3200/TOKENS/?x=1")))?.status).toBe(200);
    expect((await sendRaw(port(), "GET http://auth.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n"))?.text).toBe(
      '{"ok":true}',
    );
    refusalOf(await sendRaw(port(), post("http://auth.example//tokens")), 404);
  });

  test.each(["/HEALTHZ", "/healthz/", "/healthz?x=1"])("row 07: GET %s works like /healthz", async (path) => {
    expect((await ask(port(), { path })).text).toBe('{"ok":true}');
  });

  test.each(["/.WELL-KNOWN/JWKS.JSON", "/.well-known/jwks.json/", "/.well-known/jwks.json?x=1"])(
    "row 07: GET %s gives the published keys",
    async (path) => {
      expect((await ask(port(), { path })).text).toBe((await ask(port(), { path: JWKS })).text);
    },
  );
});

describe("row 15: an unexpected body", () => {
  const hidden = "GET /nope HTTP/1.1\r\nHost: x\r\n\r\n";

  test.each(["/healthz", JWKS])(
    "row 15: the body of GET %s is ignored and never read as the next request",
    async (path) => {
      const connection = await RawConnection.open(port());
      connection.send(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(hidden.length)}\r\n\r\n${hidden}`,
      );
      connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
      const answers = await connection.responsesToEnd();
      connection.destroy();
      expect(answers.map((answer) => answer.status)).toEqual([200, 200]);
    },
  );

  test("row 15: a broken, oversized or compressed body of GET /healthz is ignored as well", async () => {
    for (const [headers, body] of [
      [{ "content-type": "application/json" }, "{"],
      [{ "content-encoding": "nope" }, "x"],
      [{ "content-type": "application/json; charset=utf-16" }, "x"],
      [{ "content-type": "application/json" }, "x".repeat(110_000)],
    ] as const) {
      expect((await ask(port(), { path: "/healthz", headers, body })).text).toBe('{"ok":true}');
    }
  });
});
