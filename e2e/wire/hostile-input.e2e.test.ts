import fc from "fast-check";
import { getNaughtyStringList } from "naughty-string-validator";
import { afterEach, describe, expect, test } from "vitest";
import { chanceFrom, flood } from "../support/flood.ts";
import { ask, postTokens, RawConnection, type WireResponse } from "../support/raw-http.ts";
import { sharedService } from "../support/service-process.ts";
import { type MintResponse, mintChecked, payloadText, refusalOf } from "../support/token-check.ts";

const RUNS = { numRuns: 400 };
const FLOOD_REQUESTS = 100_000;

const service = sharedService({ MACP_AUTH_SIGNING_ALG: "ES256" });
const port = () => service().port;

afterEach(async () => {
  expect((await ask(port(), { path: "/healthz" })).text).toBe('{"ok":true}');
});

interface RawAsk {
  readonly method?: string;
  readonly target?: Uint8Array | string;
  readonly fields?: ReadonlyArray<readonly [name: string, value: Uint8Array | string]>;
  readonly body?: Uint8Array | string;
}

/** Sends exactly these bytes as a request with `Connection: close`, and returns the answer. */
async function askRaw({
  method = "POST",
  target = "/tokens",
  fields = [],
  body = "",
}: RawAsk): Promise<WireResponse | undefined> {
  const lines = [
    ["Host", "x"] as const,
    ...fields,
    ["Content-Length", String(Buffer.from(body).length)] as const,
  ];
  const head = lines.flatMap(([name, value]) => [
    Buffer.from(`${name}: `),
    Buffer.from(value),
    Buffer.from("\r\n"),
  ]);
  const connection = await RawConnection.open(port());
  try {
    connection.send(
      Buffer.concat([
        Buffer.from(`${method} `),
        Buffer.from(target),
        Buffer.from(" HTTP/1.1\r\n"),
        ...head,
        Buffer.from("\r\n"),
        Buffer.from(body),
      ]),
    );
    return await connection.response({ bodiless: method === "HEAD" });
  } finally {
    connection.destroy();
  }
}

/** Whatever was asked: there is an answer, it is no 5xx, and its body is the JSON that its status calls for. */
function expectAnswered(answer: WireResponse | undefined, bodiless = false): void {
  expect(answer).toBeDefined();
  if (answer === undefined) return;
  expect(answer.status).toBeLessThan(500);
  if (bodiless || answer.status === 204 || answer.status === 304) return;
  if (answer.status >= 400) refusalOf(answer, answer.status);
  else expect(JSON.parse(answer.text)).toBeTypeOf("object");
}

/** Bytes that do not end a line, so that the request keeps its shape. */
const lineBytes = fc
  .uint8Array({ maxLength: 60 })
  .map((bytes) => bytes.filter((byte) => byte !== 0x0a && byte !== 0x0d));
const json = { "content-type": "application/json" } as const;

describe("bodies", { timeout: 60_000 }, () => {
  test("any JSON text as the body is minted or rejected", async () => {
    await fc.assert(
      fc.asyncProperty(fc.json({ maxDepth: 6 }), async (body) => {
        const answer = await askRaw({ fields: Object.entries(json), body });
        expectAnswered(answer);
        expect([200, 400]).toContain(answer?.status);
      }),
      RUNS,
    );
  });

  test("any JSON values as sender, scopes and TTL are minted or rejected, and what is minted verifies", async () => {
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.string({ unit: "binary" }),
      fc.double({ noNaN: true }),
    );
    const scopes = fc.oneof(
      value,
      fc.dictionary(
        fc.oneof(
          fc.string(),
          fc.constantFrom("allowed_modes", "is_observer", "max_open_sessions", "__proto__"),
        ),
        value,
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({ sender: value, scopes, ttl_seconds: value }, { requiredKeys: ["sender"] }),
        async (body) => {
          const answer = await postTokens(port(), body);
          expectAnswered(answer);
          expect([200, 400]).toContain(answer.status);
          if (answer.status !== 200) return;
          const {
            sender,
            scopes: granted,
            expires_in_seconds,
          } = {
            scopes: {},
            ...(JSON.parse(JSON.stringify(body)) as object),
            ...(JSON.parse(answer.text) as MintResponse),
          };
          const payload = JSON.parse(payloadText((JSON.parse(answer.text) as MintResponse).token)) as Record<
            string,
            unknown
          >;
          expect(payload).toMatchObject({ sub: sender });
          expect(JSON.stringify(payload["macp_scopes"])).toBe(JSON.stringify(granted));
          expect(expires_in_seconds).toBeGreaterThanOrEqual(1);
          expect(expires_in_seconds).toBeLessThanOrEqual(3_600);
        },
      ),
      RUNS,
    );
  });

  test("any well-formed text that is not blank is a sender, byte for byte", async () => {
    const sender = fc
      .string({ unit: "binary", minLength: 1, maxLength: 200 })
      .filter((text) => text.trim() !== "");
    await fc.assert(
      fc.asyncProperty(sender, async (text) => {
        const { response, payload } = await mintChecked(port(), { sender: text });
        expect(payload.sub).toBe(text);
        expect(response.sender).toBe(text);
      }),
      RUNS,
    );
  });

  test("any text of UTF-16 code units is a sender when it is well formed and rejected when it is not", async () => {
    const units = fc.array(
      fc.oneof(
        fc.constantFrom("\ud800", "\udc00", "\ude00", "\ud83d"),
        fc.constantFrom("a", "é", "\u0000", "\uffff"),
      ),
      {
        minLength: 1,
        maxLength: 8,
      },
    );
    await fc.assert(
      fc.asyncProperty(units, async (parts) => {
        const sender = parts.join("");
        expect((await postTokens(port(), { sender })).status).toBe(sender.isWellFormed() ? 200 : 400);
        expect((await postTokens(port(), { sender: "a", scopes: { x: [sender] } })).status).toBe(
          sender.isWellFormed() ? 200 : 400,
        );
      }),
      { numRuns: 200 },
    );
  });

  test("any bytes as the body are minted or rejected", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000, size: "max" }), async (body) => {
        const answer = await askRaw({ fields: Object.entries(json), body });
        expectAnswered(answer);
        expect([200, 400]).toContain(answer?.status);
      }),
      RUNS,
    );
  });

  test("any bytes under any known or unknown content coding are minted or rejected", async () => {
    const coding = fc.oneof(
      fc.constantFrom("gzip", "deflate", "br", "identity", "GZIP", "gzip, br", "x-gzip"),
      fc.string(),
    );
    await fc.assert(
      fc.asyncProperty(coding, fc.uint8Array({ maxLength: 500, size: "max" }), async (name, body) => {
        const safe = Buffer.from(name).filter((byte) => byte !== 0x0a && byte !== 0x0d);
        expectAnswered(await askRaw({ fields: [...Object.entries(json), ["Content-Encoding", safe]], body }));
      }),
      RUNS,
    );
  });

  test("a good body with any one byte changed is minted or rejected", async () => {
    const good = Buffer.from(
      '{"sender":"a","ttl_seconds":60,"scopes":{"is_observer":true,"allowed_modes":["","m"],"max_open_sessions":3}}',
    );
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), async (at, byte) => {
        const body = Buffer.from(good);
        body[at] = byte;
        expectAnswered(await askRaw({ fields: Object.entries(json), body }));
      }),
      RUNS,
    );
  });
});

describe("heads", { timeout: 60_000 }, () => {
  test("any bytes as the content type are minted or rejected", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          lineBytes,
          fc.string().map((text) => Buffer.from(`application/json;${text.replaceAll(/[\r\n]/g, "")}`)),
        ),
        async (type) => {
          expectAnswered(await askRaw({ fields: [["Content-Type", type]], body: '{"sender":"a"}' }));
        },
      ),
      RUNS,
    );
  });

  test("any header with any bytes in it causes no fault in the service", async () => {
    const name = fc.oneof(
      fc.constantFrom(
        "Accept",
        "Accept-Encoding",
        "Authorization",
        "Connection",
        "Cookie",
        "Expect",
        "Forwarded",
        "If-None-Match",
        "If-Modified-Since",
        "Origin",
        "Range",
        "Upgrade",
        "Via",
        "X-Forwarded-For",
        "X-Request-Id",
        "Traceparent",
      ),
      fc.stringMatching(/^X-[A-Za-z0-9_-]{1,20}$/),
    );
    const ways = fc.constantFrom(
      ["POST", "/tokens"] as const,
      ["GET", "/healthz"] as const,
      ["GET", "/.well-known/jwks.json"] as const,
    );
    await fc.assert(
      fc.asyncProperty(
        ways,
        fc.array(fc.tuple(name, lineBytes), { maxLength: 6 }),
        async ([method, target], fields) => {
          const answer = await askRaw({
            method,
            target,
            fields: [...Object.entries(json), ...fields],
            body: '{"sender":"a"}',
          });
          expectAnswered(answer);
          expect(answer?.status).not.toBe(404);
        },
      ),
      RUNS,
    );
  });

  test("any method on any path is answered", async () => {
    const method = fc.constantFrom(
      "GET",
      "HEAD",
      "POST",
      "PUT",
      "PATCH",
      "DELETE",
      "OPTIONS",
      "TRACE",
      "PROPFIND",
      "QUERY",
    );
    const path = fc.oneof(
      lineBytes.map((bytes) => Buffer.concat([Buffer.from("/"), bytes])),
      fc.webPath().map((text) => `/${text}`),
      fc
        .array(
          fc.constantFrom(
            "/",
            "//",
            "tokens",
            "TOKENS",
            "healthz",
            ".well-known",
            "jwks.json",
            "..",
            ".",
            "%2e",
            "%2F",
            "%",
            "%00",
            "?",
            "#",
            "\\",
            ";",
            "*",
            "http://x",
            "@",
          ),
          { minLength: 1, maxLength: 8 },
        )
        .map((parts) => parts.join("")),
    );
    await fc.assert(
      fc.asyncProperty(method, path, async (verb, target) => {
        expectAnswered(
          await askRaw({ method: verb, target, fields: Object.entries(json), body: '{"sender":"a"}' }),
          verb === "HEAD",
        );
      }),
      RUNS,
    );
  });

  test("any bytes, and then nothing more, end in a rejection or a closed connection", async () => {
    const start = fc.constantFrom(
      "",
      "GET ",
      "POST /tokens HTTP/1.1\r\n",
      "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 300, size: "max" }), async (text, bytes) => {
        const connection = await RawConnection.open(port());
        connection.send(Buffer.concat([Buffer.from(text), bytes]));
        connection.finish();
        for (const answer of await connection.responsesToEnd()) expect(answer.status).toBeLessThan(500);
        connection.destroy();
      }),
      RUNS,
    );
  });
});

describe("the Big List of Naughty Strings", { timeout: 60_000 }, () => {
  const naughty = getNaughtyStringList();

  test("there are five hundred of them", () => {
    expect(naughty.length).toBeGreaterThan(500);
  });

  test("each is accepted byte for byte as a sender, or rejected because it is blank", async () => {
    for (const sender of naughty) {
      if (sender.trim() === "") {
        expect(refusalOf(await postTokens(port(), { sender }), 400)).toBe("sender is required");
        continue;
      }
      const { payload, response } = await mintChecked(port(), { sender });
      expect(Buffer.from(payload.sub ?? "").equals(Buffer.from(sender)), JSON.stringify(sender)).toBe(true);
      expect(response.sender).toBe(sender);
    }
  });

  test("each is accepted byte for byte as the name and the value of a scope", async () => {
    for (const text of naughty) {
      const scopes = JSON.stringify({ [text]: [text], v: text });
      const { payloadText: payload } = await mintChecked(port(), `{"sender":"a","scopes":${scopes}}`);
      expect(payload).toContain(`"macp_scopes":${scopes}`);
    }
  });
});

describe("a flood", () => {
  test("of 100,000 generated requests none is a fault, and memory stays bounded", {
    timeout: 180_000,
  }, async () => {
    const seed = Number(process.env["E2E_SEED"] || Math.floor(Math.random() * 2 ** 32));
    console.info(`flood seed: ${String(seed)} (E2E_SEED repeats it)`);
    await flood(port(), 5_000, chanceFrom(seed ^ 1));
    const before = await service().memoryKib("VmRSS");
    const start = performance.now();
    const tally = await flood(port(), FLOOD_REQUESTS, chanceFrom(seed));
    const seconds = (performance.now() - start) / 1000;
    const after = await service().memoryKib("VmRSS");
    console.info(
      `flood: ${String(tally.answered)} answers in ${seconds.toFixed(1)} s, RSS ${String(before)} to ${String(after)} KiB,`,
      Object.fromEntries([...tally.byStatus].sort(([one], [other]) => one - other)),
    );

    expect(tally.faults).toEqual([]);
    expect(tally.answered).toBeGreaterThanOrEqual(FLOOD_REQUESTS);
    if (before !== undefined && after !== undefined) expect(after - before).toBeLessThan(150 * 1024);
    expect((await mintChecked(port(), { sender: "after the flood" })).payload.sub).toBe("after the flood");
  });
});
