import { describe, expect, test } from "vitest";
import { ask, postTokens, RawConnection, sendRaw } from "../support/raw-http.ts";
import { sharedService } from "../support/service-process.ts";

const JWKS = "/.well-known/jwks.json";
const service = sharedService();
const port = () => service().port;

describe("the id of a request", () => {
  test.each(["a", "trace-1.of_2", "A".repeat(64)])(
    "is the caller's own when it is valid: %s, in the answer and in the log",
    async (id) => {
      const answer = await postTokens(port(), { sender: "a" }, { "x-request-id": id });
      expect(answer.headers.get("x-request-id")).toBe(id);
      await service().event("token_minted", (line) => line["request_id"] === id);
    },
  );

  test.each(["", "A".repeat(65), "a b", "a,b", "../a", "a;b=c", "\u00e9", '"a"'])(
    "is a new one when the caller's is %j, which then appears nowhere",
    async (id) => {
      const answer = await sendRaw(port(), `GET /nope HTTP/1.1\r\nHost: x\r\nX-Request-Id: ${id}\r\n\r\n`);
      expect(answer?.headers.get("x-request-id")).toMatch(/^[A-Za-z0-9_-]{16}$/);
    },
  );

  test("is a new one when the caller sends two", async () => {
    const twice = "X-Request-Id: one\r\nX-Request-Id: two\r\n";
    const answer = await sendRaw(port(), `GET /healthz HTTP/1.1\r\nHost: x\r\n${twice}\r\n`);
    expect(answer?.headers.get("x-request-id")).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });
});

describe("every answer", () => {
  const answers = () => [
    ask(port(), { path: "/healthz" }),
    ask(port(), { path: "/nope" }),
    postTokens(port(), { sender: "a" }),
    postTokens(port(), "{"),
    postTokens(port(), {}, { "content-encoding": "nope" }),
  ];

  test("but the published keys is one that no cache may store, an error too", async () => {
    for (const answer of await Promise.all(answers()))
      expect(answer.headers.get("cache-control"), answer.text).toBe("no-store");
  });

  test("with a body forbids a browser to guess another type", async () => {
    for (const answer of await Promise.all([...answers(), ask(port(), { path: JWKS })])) {
      expect(answer.headers.get("content-type"), answer.text).toBe("application/json");
      expect(answer.headers.get("x-content-type-options"), answer.text).toBe("nosniff");
    }
  });

  test("to HEAD has the headers of GET", async () => {
    for (const path of ["/healthz", JWKS]) {
      const [head, get] = [await ask(port(), { method: "HEAD", path }), await ask(port(), { path })];
      for (const name of ["content-type", "content-length", "cache-control", "etag"])
        expect(head.headers.get(name), `${path} ${name}`).toBe(get.headers.get(name));
      expect(head.body).toHaveLength(0);
    }
  });
});

test("a 304 to a request for the keys may be read by any origin too", async () => {
  const etag = (await ask(port(), { path: JWKS })).headers.get("etag") ?? "";
  const unchanged = await ask(port(), { path: JWKS, headers: { "if-none-match": etag } });
  expect(unchanged.status).toBe(304);
  expect(unchanged.headers.get("access-control-allow-origin")).toBe("*");
});

test("a rejected mint is one line with its reason, its status and the request id of the response", async () => {
  const answer = await postTokens(port(), { sender: "a", ttl_seconds: -1 });
  const id = answer.headers.get("x-request-id");
  expect(await service().event("mint_refused", (line) => line["request_id"] === id)).toMatchObject({
    level: "info",
    reason: "ttl_invalid",
    status: 400,
  });
});

test("a sender that would change the reading direction of a log is escaped in it", async () => {
  const { headers } = await postTokens(port(), { sender: "agent://\u202enimda" });
  const id = headers.get("x-request-id");
  const line = await service().event("token_minted", ({ request_id }) => request_id === id);
  expect(line["sender"]).toBe("agent://\\u{202e}nimda");
});

test("a caller that disconnects in the middle of its body causes no fault and no line in the log", async () => {
  const connection = await RawConnection.open(port());
  connection.send(
    "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
  );
  // Answered on another connection: the service has seen the first request by then.
  await ask(port(), { path: "/healthz" });
  connection.destroy();
  const { headers } = await postTokens(port(), { sender: "a" });
  await service().event("token_minted", (line) => line["request_id"] === headers.get("x-request-id"));
  await expect.poll(() => service().events("request_failed"), { timeout: 500 }).toEqual([]);
  expect(service().output()).not.toContain('"level":"error"');
});
