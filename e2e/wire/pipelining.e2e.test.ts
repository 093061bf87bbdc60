import { describe, expect, test } from "vitest";
import { RawConnection, sendRaw, type WireResponse } from "../support/raw-http.ts";
import { sharedService, withService } from "../support/service-process.ts";
import { rsaJwk, signingWith } from "../support/signing-keys.ts";
import { refusalOf } from "../support/token-check.ts";

const service = sharedService();
const port = () => service().port;

const mint = (sender: string): string => {
  const body = JSON.stringify({ sender });
  return `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n\r\n${body}`;
};
const chunked = (start: string, ...fields: readonly string[]): string =>
  `${[start, "Host: x", ...fields, "Transfer-Encoding: chunked"].join("\r\n")}\r\n\r\n`;
const statusesOf = (responses: readonly WireResponse[]): number[] => responses.map(({ status }) => status);

async function answersTo(...pieces: readonly string[]): Promise<WireResponse[]> {
  const connection = await RawConnection.open(port());
  for (const piece of pieces) connection.send(piece);
  try {
    return await connection.responsesToEnd();
  } finally {
    connection.destroy();
  }
}

describe("a request that is answered before it has arrived whole", () => {
  test.each([
    ["200", chunked("GET /healthz HTTP/1.1")],
    ["400", chunked("POST /tokens HTTP/1.1")],
    ["404", chunked("POST /nope HTTP/1.1", "Content-Type: application/json")],
    ["415", chunked("POST /tokens HTTP/1.1", "Content-Type: application/json", "Content-Encoding: nope")],
    ["417", chunked("POST /tokens HTTP/1.1", "Expect: foo")],
  ])("gets no second answer after its %s when the rest of it is invalid", async (status, head) => {
    const connection = await RawConnection.open(port());
    connection.send(head);
    expect((await connection.response())?.status).toBe(Number(status));
    connection.send("zz\r\n");
    expect(statusesOf(await connection.responsesToEnd(3_000))).toEqual([]);
  });

  test("gets no second answer when the rest of it never comes, and its connection ends", async () => {
    const connection = await RawConnection.open(port());
    connection.send("POST /tokens HTTP/1.1\r\nHost: x\r\nExpect: foo\r\nContent-Length: 5\r\n\r\n");
    expect((await connection.response())?.status).toBe(417);
    expect(statusesOf(await connection.responsesToEnd(3_000))).toEqual([]);
  });
});

describe("requests that are sent before the last one is answered", () => {
  test.each([
    ["no request", "GARBAGE\r\n\r\n"],
    ["an incomplete body", `${chunked("POST /tokens HTTP/1.1", "Content-Type: application/json")}zz\r\n`],
  ])(
    "a mint before %s is answered, because a token that was made must reach its caller",
    async (_, broken) => {
      const [first, ...others] = await answersTo(`${mint("agent://a")}${mint("agent://b")}${broken}`);
      expect(JSON.parse(first?.text ?? "")).toMatchObject({ sender: "agent://a" });
      expect(others.map(({ text }) => JSON.parse(text) as object)).toMatchObject([{ sender: "agent://b" }]);
    },
  );

  test("more than 128 that wait for answers end the connection", async () => {
    expect(await answersTo(mint("agent://many").repeat(400))).toEqual([]);
  });

  test("a thousand mints may wait for a signature; further ones get 503 with Retry-After, and each request gets one answer", async () => {
    // Signing with so large a key takes long enough for a crowd to gather.
    const answers = await withService(signingWith("RS256", rsaJwk(4096)), async (slow) => {
      const connections = await Promise.all(Array.from({ length: 250 }, () => RawConnection.open(slow.port)));
      for (const connection of connections) connection.send(mint("agent://crowd").repeat(8));
      return (await Promise.all(connections.map((connection) => nextAnswers(connection, 8)))).flat();
    });
    const busy = answers.filter(({ status }) => status === 503);
    expect(busy.length).toBeGreaterThan(0);
    for (const answer of busy) {
      expect(answer.headers.get("retry-after")).toBe("1");
      expect(answer.text).toBe('{"error":"too many tokens are being signed at once"}');
    }
    const minted = answers.filter(({ status }) => status === 200);
    expect(minted).toHaveLength(2_000 - busy.length);
    expect(minted.length).toBeGreaterThanOrEqual(1_000);
  }, 120_000);
});

async function nextAnswers(connection: RawConnection, count: number): Promise<WireResponse[]> {
  const answers: WireResponse[] = [];
  while (answers.length < count) {
    const answer = await connection.response({ msMax: 60_000 });
    if (answer === undefined) break;
    answers.push(answer);
  }
  connection.destroy();
  return answers;
}

describe("requests of other kinds", () => {
  test("CONNECT is answered with a JSON 404", async () => {
    refusalOf(await sendRaw(port(), "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"), 404);
  });

  test.each([
    ["equal", "Host: x\r\nHost: x"],
    ["unequal", "Host: 127.0.0.1\r\nhOST: evil.example"],
  ])("two %s Host lines are 400 (RFC 9112 section 3.2)", async (_, lines) => {
    refusalOf(await sendRaw(port(), `GET /healthz HTTP/1.1\r\n${lines}\r\n\r\n`), 400);
  });

  test.each([
    ["not_found", 404, "GET /log-me HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["request_malformed", 400, "GARBAGE\r\n\r\n"],
    ["expectation_unsupported", 417, "GET / HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n\r\n"],
    ["headers_too_large", 431, `GET / HTTP/1.1\r\nHost: x\r\nX: ${"p".repeat(17_000)}\r\n\r\n`],
  ])("a rejection with %s is logged with its status and request id", async (reason, status, bytes) => {
    const answer = await sendRaw(port(), bytes);
    expect(answer?.status).toBe(status);
    const id = answer?.headers.get("x-request-id");
    const line = await service().event("request_refused", ({ request_id }) => request_id === id);
    expect(line).toMatchObject({ level: "info", reason, status });
  });
});
