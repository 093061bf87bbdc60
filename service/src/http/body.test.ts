import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FormBody, readFormBody } from "./body.ts";

const FORM = "application/x-www-form-urlencoded";

describe("a form body", () => {
  let server: Server;
  let read: FormBody | Error;

  beforeAll(async () => {
    server = createServer((incoming, outgoing) => {
      void readFormBody(incoming)
        .catch((thrown: unknown) => thrown as Error)
        .then((body) => {
          read = body;
          outgoing.end();
        });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  const portOf = (): number => (server.address() as AddressInfo).port;
  async function sent(
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
  ): Promise<FormBody | Error> {
    const answer = await fetch(`http://127.0.0.1:${String(portOf())}`, {
      method: "POST",
      headers: { "content-type": FORM, ...headers },
      body,
    });
    await answer.arrayBuffer();
    return read;
  }
  const fieldsOf = (body: FormBody | Error): [string, string][] | undefined =>
    "kind" in body && body.kind === "form" ? [...body.fields] : undefined;
  const reasonOf = (body: FormBody | Error): string | undefined =>
    "kind" in body && body.kind === "rejected" ? body.problem.reason : undefined;

  test.each<[string, [string, string][]]>([
    [
      "grant_type=client_credentials&scope=a+b",
      [
        ["grant_type", "client_credentials"],
        ["scope", "a b"],
      ],
    ],
    [
      "a=%C3%A9%F0%9F%98%80&b=%2B%26%3D",
      [
        ["a", "é😀"],
        ["b", "+&="],
      ],
    ],
    ["a=é", [["a", "é"]]],
    [
      "a&b=&=c",
      [
        ["a", ""],
        ["b", ""],
        ["", "c"],
      ],
    ],
    ["&&a=1&", [["a", "1"]]],
    ["a=b=c", [["a", "b=c"]]],
    ["?a=1", [["?a", "1"]]],
    [
      "__proto__=1&constructor=2",
      [
        ["__proto__", "1"],
        ["constructor", "2"],
      ],
    ],
    ["a=%00%0d%0A", [["a", "\0\r\n"]]],
  ])("%j is read", async (text, fields) => {
    expect(fieldsOf(await sent(text))).toEqual(fields);
  });

  test.each([
    ["an incomplete escape", "a=%"],
    ["an escape that is not hexadecimal", "a=%zz"],
    ["half an escape at the end of a name", "a%2=1"],
    ["escaped bytes that are not UTF-8", "a=%ff"],
    ["an overlong form of a character", "a=%c0%af"],
    ["half of a surrogate pair", "a=%ed%a0%80"],
    ["a character that is split over two fields", "a=%c3&b=%a9"],
    ["raw bytes that are not UTF-8", Buffer.from("a=\xff", "latin1")],
    ["a name twice", "scope=a&scope=b"],
    ["a name twice, once escaped", "scope=a&%73cope=b"],
    ["an empty name twice", "=a&=b"],
  ])("with %s is rejected", async (_, body) => {
    expect(reasonOf(await sent(body))).toBe("form_invalid");
  });

  test.each([
    "application/json",
    "text/plain",
    "multipart/form-data; boundary=x",
    "",
    `${FORM}x`,
    `x ${FORM}`,
  ])("is absent when the content type is %j", async (type) => {
    expect(await sent("a=1", { "content-type": type })).toEqual({ kind: "absent" });
  });

  test("is absent when it has no bytes", async () => {
    expect(await sent("")).toEqual({ kind: "absent" });
  });

  test.each([`${FORM};charset=UTF-8`, `${FORM.toUpperCase()} ; charset="utf-8"`, `${FORM};`])(
    "of the type %s is read",
    async (type) => {
      expect(fieldsOf(await sent("a=1", { "content-type": type }))).toEqual([["a", "1"]]);
    },
  );

  test("in another charset or an unknown coding is rejected", async () => {
    expect(reasonOf(await sent("a=1", { "content-type": `${FORM}; charset=iso-8859-1` }))).toBe(
      "charset_unsupported",
    );
    expect(reasonOf(await sent("a=1", { "content-encoding": "zstd" }))).toBe("encoding_unsupported");
  });

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ])("in %s is inflated, up to the limit of every body", async (coding, compress) => {
    const headers = { "content-encoding": coding };
    expect(fieldsOf(await sent(Buffer.from(compress("a=1")), headers))).toEqual([["a", "1"]]);
    const large = `a=${"b".repeat(102_399)}`;
    expect(reasonOf(await sent(Buffer.from(compress(large)), headers))).toBe("body_too_large");
    expect(reasonOf(await sent("a=1", headers))).toBe("body_corrupt");
  });

  test("holds up to 102,400 bytes, and is rejected above, with a length or without", async () => {
    expect(fieldsOf(await sent(`a=${"b".repeat(102_398)}`))).toHaveLength(1);
    expect(reasonOf(await sent(`a=${"b".repeat(102_399)}`))).toBe("body_too_large");
    const socket = connect(portOf(), "127.0.0.1");
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Type: ${FORM}\r\nTransfer-Encoding: chunked\r\n\r\n`);
    socket.write(`${(102_401).toString(16)}\r\na=${"b".repeat(102_399)}\r\n`);
    await once(socket, "data");
    socket.destroy();
    expect(reasonOf(read)).toBe("body_too_large");
  });

  test("of as many fields as fit is read quickly", async () => {
    const many = Array.from({ length: 17_000 }, (_, index) => `k${String(index)}=`)
      .join("&")
      .slice(0, 102_000);
    const started = performance.now();
    expect(fieldsOf(await sent(many))?.length).toBeGreaterThan(10_000);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  test("of any bytes is read, absent or rejected, and what is read is what an encoder wrote", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        const body = await sent(Uint8Array.from(bytes));
        expect(["form", "absent", "rejected"]).toContain("kind" in body ? body.kind : body.message);
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme" })), {
          selector: ([name]) => name,
          minLength: 1,
        }),
        async (fields) => {
          expect(fieldsOf(await sent(new URLSearchParams(fields).toString()))).toEqual(fields);
        },
      ),
    );
  });
});
