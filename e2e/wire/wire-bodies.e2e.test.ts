import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { ask, postTokens, RawConnection, sendRaw, urlOf } from "../support/raw-http.ts";
import { sharedService } from "../support/service-process.ts";
import { mintChecked, payloadText, refusalOf } from "../support/token-check.ts";

const BODY_BYTES_MAX = 102_400;
const noSender = '{"error":"sender is required"}';
const notJson = '{"error":"invalid JSON body"}';

const service = sharedService();
const port = () => service().port;

function senderOf(text: string): unknown {
  return (JSON.parse(text) as { sender?: unknown }).sender;
}

describe("row 09: a body without a usable sender", () => {
  test.each([
    "{}",
    "[]",
    '[{"sender":"a"}]',
    '{"Sender":"a"}',
    '{"sender":42}',
    '{"sender":0}',
    '{"sender":true}',
    '{"sender":null}',
    '{"sender":{}}',
    '{"sender":{"sender":"a"}}',
    '{"sender":["a"]}',
    '{"sender":""}',
    '{"sender":"   "}',
    '{"sender":"\\t\\r\\n"}',
    '{"__proto__":{"sender":"a"}}',
  ])("row 09: %s is rejected because the sender is required", async (body) => {
    const answer = await postTokens(port(), body);
    expect(answer.text).toBe(noSender);
    refusalOf(answer, 400);
  });
});

describe("row 10: content types that are not JSON", () => {
  test("row 10: a JSON body without a content type counts as no body", async () => {
    const answer = await ask(port(), { method: "POST", path: "/tokens", body: '{"sender":"a"}' });
    expect(answer.text).toBe(noSender);
    refusalOf(answer, 400);
  });

  test("row 10: no body and no content type is rejected because the sender is required", async () => {
    const answer = await sendRaw(port(), "POST /tokens HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(answer?.text).toBe(noSender);
    refusalOf(answer, 400);
  });

  test.each([
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain",
    "text/plain; charset=utf-8",
    "text/json",
    "application/jsonp",
    "application/xjson",
    "application/problem+json",
    "application/merge-patch+json",
    "application",
    "json",
    "nonsense/ /",
    "application/json, text/plain",
    "text/plain; x=application/json",
  ])("row 10: a JSON body declared as %s counts as no body", async (type) => {
    const answer = await postTokens(port(), { sender: "a" }, { "content-type": type });
    expect(answer.text).toBe(noSender);
    refusalOf(answer, 400);
  });
});

describe("row 11: the charset", () => {
  test.each([
    "application/json; charset=utf-8",
    "application/json;charset=UTF-8",
    'application/json; charset="utf-8"',
    "application/json ; charset=Utf-8",
    "application/json; profile=x",
    "application/json; profile=x; charset=utf-8",
    "Application/JSON",
    "APPLICATION/JSON; CHARSET=UTF-8",
  ])("row 11: %s is read as JSON", async (type) => {
    const answer = await postTokens(port(), { sender: "é😀" }, { "content-type": type });
    expect(answer.status).toBe(200);
    expect(senderOf(answer.text)).toBe("é😀");
  });

  test.each(["utf-16", "utf-16le", "utf-32", "utf-7", "iso-8859-1", "us-ascii", "windows-1252", "nope"])(
    "row 11: charset %s is 415 with a JSON body",
    async (charset) => {
      refusalOf(
        await postTokens(port(), { sender: "a" }, { "content-type": `application/json; charset=${charset}` }),
        415,
      );
    },
  );
});

describe("row 12: bodies that are not a JSON object", () => {
  test.each([
    "{",
    "}",
    "[",
    '{"sender":"a"',
    '{"sender":"a"} x',
    '{"sender":"a"}{"sender":"b"}',
    '{"sender":"a",}',
    "{'sender':'a'}",
    "{sender:1}",
    '{"sender":"a"//\n}',
    '{"sender":"a\nb"}',
    '{"sender":"\\x41"}',
    '{"sender":"a","ttl_seconds":NaN}',
    '{"sender":"a","ttl_seconds":Infinity}',
    '{"sender":"a","ttl_seconds":01}',
    '{"sender":"a","ttl_seconds":.5}',
    "null",
    "42",
    '"x"',
    '"sender"',
    "true",
    "false",
    "   ",
    "\r\n\t ",
    "sender=a",
    "<sender>a</sender>",
  ])("row 12: %j is an invalid JSON body", async (body) => {
    const answer = await postTokens(port(), body);
    expect(answer.text).toBe(notJson);
    refusalOf(answer, 400);
  });

  test.each([
    ["a stray continuation byte", [0x80]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["an encoded surrogate", [0xed, 0xa0, 0x80]],
    ["a code point above the last", [0xf4, 0x90, 0x80, 0x80]],
    ["a sequence cut short", [0xe2, 0x82]],
    ["a Latin-1 letter", [0xe9]],
  ])("row 12: UTF-8 broken by %s is an invalid JSON body", async (_name, bytes) => {
    const body = Buffer.concat([Buffer.from('{"sender":"a'), Buffer.from(bytes), Buffer.from('"}')]);
    const answer = await postTokens(port(), body);
    expect(answer.text).toBe(notJson);
    refusalOf(answer, 400);
  });

  test.each([
    ["UTF-16LE", Buffer.from('\ufeff{"sender":"a"}', "utf16le")],
    ["UTF-16BE", Buffer.from('\ufeff{"sender":"a"}', "utf16le").swap16()],
  ])("row 12: %s under a plain JSON content type is an invalid JSON body", async (_name, body) => {
    expect((await postTokens(port(), body)).text).toBe(notJson);
  });
});

describe("row 12: nesting", () => {
  const nested = (levels: number) =>
    `{"sender":"a","scopes":{"x":${"[".repeat(levels - 2)}${"]".repeat(levels - 2)}}}`;

  test("row 12: a body 32 levels deep is read", async () => {
    expect((await postTokens(port(), nested(32))).status).toBe(200);
  });

  test.each([33, 34, 100, 5_000])("row 12: a body %i levels deep is rejected with 400", async (levels) => {
    expect(refusalOf(await postTokens(port(), nested(levels)), 400)).toContain("JSON body");
  });

  test.each([
    ["arrays, closed", `${"[".repeat(50_000)}${"]".repeat(50_000)}`],
    ["arrays, never closed", "[".repeat(50_000)],
    ["arrays under the sender", `{"sender":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
    ["objects, closed", `${'{"a":'.repeat(17_000)}1${"}".repeat(17_000)}`],
    ["arrays outside of the known members", `{"sender":"a","x":${"[".repeat(50_000)}${"]".repeat(50_000)}}`],
  ])("row 12: tens of thousands of nested %s are rejected with 400", async (_name, body) => {
    refusalOf(await postTokens(port(), body), 400);
  });

  test("row 12: brackets inside of a string are no nesting", async () => {
    const answer = await postTokens(port(), { sender: '[{"[{\\"[['.repeat(100) });
    expect(answer.status).toBe(200);
  });
});

describe("row 13: no bytes", () => {
  test.each([
    ["a length of zero", "Content-Length: 0\r\n\r\n"],
    ["neither a length nor a coding", "\r\n"],
    ["an empty chunked body", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ])(
    "row 13: a JSON content type with %s is rejected because the sender is required",
    async (_name, rest) => {
      const answer = await sendRaw(
        port(),
        `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${rest}`,
      );
      expect(answer?.text).toBe(noSender);
      refusalOf(answer, 400);
    },
  );
});

describe("row 14: a BOM, and members that come twice", () => {
  test("row 14: a leading UTF-8 byte order mark is accepted", async () => {
    const answer = await postTokens(port(), '\ufeff{"sender":"a"}');
    expect(answer.status).toBe(200);
    expect(senderOf(answer.text)).toBe("a");
  });

  test("row 14: of two members with one name the last wins, at the top and in the scopes", async () => {
    const body =
      '{"sender":"a","ttl_seconds":60,"sender":"b","ttl_seconds":61,"scopes":{"y":1},"scopes":{"x":1,"x":2}}';
    const { response, payload } = await mintChecked(port(), body);
    expect(response).toMatchObject({ sender: "b", expires_in_seconds: 61 });
    expect(payload["macp_scopes"]).toEqual({ x: 2 });
    expect(payloadText(response.token)).not.toContain('"x":1');
  });
});

describe("row 16: the size of a body", () => {
  const sized = (bytes: number) => {
    const frame = '{"sender":"a","x":""}';
    return `{"sender":"a","x":"${"p".repeat(bytes - frame.length)}"}`;
  };
  const codings = [
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ] as const;

  test("row 16: a body of exactly 102,400 bytes is read", async () => {
    expect((await postTokens(port(), sized(BODY_BYTES_MAX))).status).toBe(200);
  });

  test("row 16: a body of 102,401 bytes is 413 with a JSON body", async () => {
    refusalOf(await postTokens(port(), sized(BODY_BYTES_MAX + 1)), 413);
  });

  test.each([200_000, 1_000_000, 8_000_000])(
    "row 16: a client that sends all of a body of %i bytes still gets its 413",
    async (bytes) => {
      const answer = await fetch(urlOf(port(), "/tokens"), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: sized(bytes),
      });
      refusalOf({ status: answer.status, headers: new Map(answer.headers), text: await answer.text() }, 413);
    },
  );

  test("row 16: a chunked body is counted as it comes", async () => {
    const type = { "transfer-encoding": "chunked" };
    expect((await postTokens(port(), sized(BODY_BYTES_MAX), type)).status).toBe(200);
    refusalOf(await postTokens(port(), sized(BODY_BYTES_MAX + 1), type), 413);
  });

  test.each(codings)("row 16: a %s body is counted after inflation", async (coding, compress) => {
    const headers = { "content-encoding": coding };
    expect((await postTokens(port(), compress(sized(BODY_BYTES_MAX)), headers)).status).toBe(200);
    refusalOf(await postTokens(port(), compress(sized(BODY_BYTES_MAX + 1)), headers), 413);
    refusalOf(await postTokens(port(), compress(sized(5_000_000)), headers), 413);
  });

  test("row 16: after a 413 the service answers the next caller", async () => {
    refusalOf(await postTokens(port(), sized(300_000)), 413);
    expect((await ask(port(), { path: "/healthz" })).status).toBe(200);
  });
});

describe("row 17: content codings", () => {
  const body = '{"sender":"a","ttl_seconds":60}';

  test.each([
    ["gzip", gzipSync(body)],
    ["GZIP", gzipSync(body)],
    ["x-gzip", gzipSync(body)],
    ["X-GZip", gzipSync(body)],
    ["identity, gzip", gzipSync(body)],
    [" , gzip,", gzipSync(body)],
    ["deflate", deflateSync(body)],
    ["Deflate", deflateSync(body)],
    ["br", brotliCompressSync(body)],
    ["BR", brotliCompressSync(body)],
    ["identity", Buffer.from(body)],
    ["Identity", Buffer.from(body)],
    ["", Buffer.from(body)],
    [" ", Buffer.from(body)],
    [",", Buffer.from(body)],
    ["identity, identity", Buffer.from(body)],
  ])("row 17: a %s body is accepted", async (coding, bytes) => {
    const answer = await postTokens(port(), bytes, { "content-encoding": coding });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ sender: "a", expires_in_seconds: 60 });
  });

  test.each(["zstd", "compress", "nope", "gzip, br", "gzip, gzip", "gzip, x-gzip", "x-compress", "utf-8"])(
    "row 17: coding %s is 415 with a JSON body",
    async (coding) => {
      refusalOf(await postTokens(port(), gzipSync(body), { "content-encoding": coding }), 415);
    },
  );

  test.each([
    ["gzip", "not gzip at all"],
    ["gzip", gzipSync(body).subarray(0, 20)],
    ["gzip", Buffer.concat([gzipSync(body).subarray(0, -8), Buffer.alloc(8, 0xff)])],
    ["deflate", "not deflate at all"],
    ["deflate", deflateSync(body).subarray(0, 8)],
    ["br", "not brotli at all, not even nearly"],
    ["br", brotliCompressSync(body.repeat(20)).subarray(0, 12)],
  ])("row 17: a corrupt or truncated %s body is 400 with a JSON body (%#)", async (coding, bytes) => {
    refusalOf(await postTokens(port(), bytes, { "content-encoding": coding }), 400);
  });

  test("row 17: a coding whose bytes decode to nothing is rejected, and is no fault", async () => {
    for (const coding of ["gzip", "deflate", "br"]) {
      refusalOf(await postTokens(port(), "", { "content-encoding": coding }), 400);
    }
    refusalOf(await postTokens(port(), gzipSync(""), { "content-encoding": "gzip" }), 400);
  });
});

test("row 16: a body declared too large is rejected before the client has sent any of it", async () => {
  const connection = await RawConnection.open(port());
  connection.send(
    `POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(BODY_BYTES_MAX + 1)}\r\n\r\n`,
  );
  const answer = await connection.response({ msMax: 3_000 });
  connection.destroy();
  refusalOf(answer, 413);
});
