import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ask, postTokens, RawConnection, sendRaw, type WireResponse } from "../support/raw-http.ts";
import { sharedService, withService } from "../support/service-process.ts";

type Schema = Readonly<Record<string, unknown>>;
interface Response {
  readonly headers: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: { readonly "application/json": { readonly schema: Schema } };
}
interface Header {
  readonly required: boolean;
  readonly schema: Schema;
}
interface Description {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly headers: Readonly<Record<string, Header>>;
  };
}

const { paths, components } = JSON.parse(
  readFileSync(new URL("../../docs/api/openapi.json", import.meta.url), "utf8"),
) as Description;
const OPERATIONS = Object.entries(paths).flatMap(([path, methods]) =>
  Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
);
const MINT = '{"sender":"a"}';
const JWKS = "/.well-known/jwks.json";
const ENV = { MACP_AUTH_SIGNING_ALG: "ES256" };

const service = sharedService(ENV);
const port = () => service().port;

/** What was asked of the service and seen: `POST /tokens 200`. */
const seen = new Set<string>();

/** Insists that the description says of this operation what was answered: status, headers with their values, body. */
function expectDescribed(method: string, path: string, answer: WireResponse | undefined): number {
  if (answer === undefined) throw new Error(`${method} ${path} was not answered`);
  const { status, headers, text } = answer;
  const response = paths[path]?.[method.toLowerCase()]?.responses[String(status)];
  if (response === undefined) throw new Error(`${method} ${path} answers ${String(status)}, undescribed`);
  seen.add(`${method} ${path} ${String(status)}`);
  expect(headerFaults(headers, response)).toEqual([]);
  if (response.content === undefined) {
    expect(text).toBe("");
    return status;
  }
  expect(headers.get("content-type")).toBe("application/json");
  expect(fits(response.content["application/json"].schema, JSON.parse(text)), text).toBe(true);
  return status;
}

/** Headers of the framing and of the content, which a description leaves out. */
const FRAMING = ["connection", "content-length", "content-type", "date", "keep-alive"];

function headerFaults(headers: ReadonlyMap<string, string>, response: Response): string[] {
  const described = new Map(
    Object.entries(response.headers).map(([name, { $ref }]) => [
      name,
      components.headers[$ref.replace("#/components/headers/", "")],
    ]),
  );
  const lacking = [...described]
    .filter(([name, header]) => header?.required === true && !headers.has(name))
    .map(([name]) => `${name} is required and lacking`);
  const odd = [...headers]
    .filter(([name, value]) => !FRAMING.includes(name) && !fits(described.get(name)?.schema, value))
    .map(([name, value]) => `${name}: ${value} is not described`);
  return [...lacking, ...odd];
}

/** Whether a value fits a schema. Knows the words that the description uses, and throws at any other. */
function fits(schema: Schema | undefined, value: unknown): boolean {
  if (schema === undefined) return false;
  return Object.entries(schema).every(([word, wanted]) => {
    const holds = WORDS[word];
    if (holds === undefined) throw new Error(`the description says ${word}, which this test cannot judge`);
    return holds(wanted, value, schema);
  });
}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const always = () => true;

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number" && Number.isFinite(value),
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
};

const WORDS: Readonly<Record<string, (wanted: unknown, value: unknown, schema: Schema) => boolean>> = {
  description: always,
  examples: always,
  $ref: (name, value) => fits(components.schemas[String(name).replace("#/components/schemas/", "")], value),
  type: (names, value) => [names].flat().some((name) => TYPES[String(name)]?.(value) === true),
  const: (only, value) => value === only,
  pattern: (pattern, value) => typeof value !== "string" || new RegExp(String(pattern), "u").test(value),
  minimum: (least, value) => typeof value !== "number" || value >= Number(least),
  maximum: (most, value) => typeof value !== "number" || value <= Number(most),
  exclusiveMinimum: (end, value) => typeof value !== "number" || value > Number(end),
  exclusiveMaximum: (end, value) => typeof value !== "number" || value < Number(end),
  multipleOf: (step, value) => typeof value !== "number" || value % Number(step) === 0,
  anyOf: (options, value) => (options as Schema[]).some((option) => fits(option, value)),
  items: (item, value) => !Array.isArray(value) || value.every((member) => fits(item as Schema, member)),
  required: (names, value) =>
    !isObject(value) || (names as string[]).every((name) => Object.hasOwn(value, name)),
  properties: (members, value) =>
    !isObject(value) ||
    Object.entries(members as Record<string, Schema>).every(
      ([name, member]) => !Object.hasOwn(value, name) || fits(member, value[name]),
    ),
  additionalProperties: (others, value, { properties }) =>
    !isObject(value) ||
    others !== false ||
    Object.keys(value).every((name) => Object.hasOwn(properties as object, name)),
};

/** A request of this operation as bytes. A length, where there is one, is that of the body. */
function bytesOf(method: string, path: string, headers = "Host: x\r\n", version = "1.1"): string {
  const body = method === "POST" ? MINT : "";
  const framing =
    body === "" ? "" : `Content-Type: application/json\r\nContent-Length: ${String(body.length)}\r\n`;
  return `${method} ${path} HTTP/${version}\r\n${headers}${framing}\r\n${body}`;
}

describe.each(OPERATIONS)("%s %s answers as it is described", (method, path) => {
  const sent = async (bytes: string) =>
    expectDescribed(method, path, await sendRaw(port(), bytes, method === "HEAD"));

  test("when all is well, with a request id of the caller's or without", async () => {
    const good = method === "OPTIONS" ? 204 : 200;
    expect(await sent(bytesOf(method, path))).toBe(good);
    expect(await sent(bytesOf(method, path, "Host: x\r\nX-Request-Id: mine-1\r\n"))).toBe(good);
    expect(await sent(bytesOf(method, path, "", "1.0"))).toBe(good);
  });

  test.each([
    [400, ""],
    [400, "Host: x\r\nHost: y\r\n"],
    [400, "Host: x\r\nno header\r\n"],
    [417, "Host: x\r\nExpect: nonsense\r\n"],
    [431, `Host: x\r\nX-Pad: ${"p".repeat(17 * 1024)}\r\n`],
  ])("with %i to %.30j", async (status, headers) => {
    expect(await sent(bytesOf(method, path, headers))).toBe(status);
  });
});

test("every operation answers with 408 when the headers do not come, as it is described", {
  timeout: 20_000,
}, async () => {
  const slow = OPERATIONS.map(async ([method, path]) => {
    const answer = await sendRaw(
      port(),
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nX-Slow: `,
      method === "HEAD",
    );
    expect(expectDescribed(method, path, answer)).toBe(408);
  });
  await Promise.all(slow);
});

describe("POST /tokens answers as it is described", () => {
  const json = { "content-type": "application/json" };

  test.each<[number, string, Record<string, string>]>([
    [400, "{", json],
    [400, "", json],
    [400, "[]", json],
    [400, `{"sender":"a","x":${"[".repeat(40)}${"]".repeat(40)}}`, json],
    [400, '{"sender":"\\ud800"}', json],
    [400, JSON.stringify({ sender: "a".repeat(13_000) }), json],
    [400, MINT, { "content-type": "text/plain" }],
    [400, "no gzip", { ...json, "content-encoding": "gzip" }],
    [413, JSON.stringify({ sender: "a".repeat(110_000) }), json],
    [415, MINT, { "content-type": "application/json; charset=utf-16" }],
    [415, MINT, { ...json, "content-encoding": "nope" }],
  ])("with %i to %.30j with %j", async (status, body, headers) => {
    const answer = await ask(port(), { method: "POST", path: "/tokens", headers, body });
    expect(expectDescribed("POST", "/tokens", answer)).toBe(status);
  });

  const modes = (allowed: unknown) => ({ sender: "a", scopes: { allowed_modes: allowed } });
  test.each([
    ...[
      "a",
      " a ",
      "é😀",
      "\u0085",
      "\u200b",
      "",
      " ",
      "\t\n",
      "\u00a0",
      "\u3000",
      "\u2028",
      "\ufeff",
      7,
      null,
    ].map((sender) => ({ sender })),
    ...[{}, [], null, "x", { x: [{}] }, { is_observer: null }, { is_observer: 1 }].map((scopes) => ({
      sender: "a",
      scopes,
    })),
    ...[[], [""], ["*", "m"], null, "m", [1]].map(modes),
    ...[0, 1.5, -1, 2 ** 53, 2 ** 64, "1"].map((count) => ({
      sender: "a",
      scopes: { max_open_sessions: count },
    })),
    ...[1, 0.5, 1e300, null, 0, -1, "300"].map((ttl) => ({ sender: "a", ttl_seconds: ttl })),
    { sender: "a", iss: "other", exp: "never" },
    {},
    [],
  ])("and takes the body %j exactly when the schema does", async (body) => {
    const status = expectDescribed("POST", "/tokens", await postTokens(port(), body));
    expect(status).toBe(fits(components.schemas["MintRequest"], body) ? 200 : 400);
  });

  test("with 503 when too many mints are under way", async () => {
    await withService(ENV, async (crowded) => {
      const waiting = await Promise.all(Array.from({ length: 970 }, () => RawConnection.open(crowded.port)));
      for (const connection of waiting)
        connection.send(
          "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
        );
      const last = await RawConnection.open(crowded.port);
      last.send(bytesOf("POST", "/tokens").repeat(32));
      const statuses = new Set<number>();
      for (let answers = 0; answers < 32; answers += 1)
        statuses.add(expectDescribed("POST", "/tokens", await last.response()));
      for (const connection of [...waiting, last]) connection.destroy();
      expect([...statuses]).toEqual([200, 503]);
    });
  });
});

test.each(["GET", "HEAD"])("%s of the JWKS answers 304 to a known tag as it is described", async (method) => {
  const etag = (await ask(port(), { path: JWKS })).headers.get("etag") ?? "";
  for (const known of [etag, `W/${etag}`, "*"]) {
    const answer = await ask(port(), { method, path: JWKS, headers: { "if-none-match": known } });
    expect(expectDescribed(method, JWKS, answer)).toBe(304);
  }
});

test("without a key that may sign, minting and the JWKS answer 503 as it is described, and health goes on", async () => {
  const unreachable = {
    MACP_AUTH_STORE_URL: "postgres://127.0.0.1:1/none",
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  };
  await withService(unreachable, async (fenced) => {
    const mint = await postTokens(fenced.port, MINT);
    expect(expectDescribed("POST", "/tokens", mint)).toBe(503);
    for (const method of ["GET", "HEAD"]) {
      expect(expectDescribed(method, JWKS, await ask(fenced.port, { method, path: JWKS }))).toBe(503);
      const health = await ask(fenced.port, { method, path: "/healthz" });
      expect(expectDescribed(method, "/healthz", health)).toBe(200);
    }
  });
});

test("every described answer was seen above, but for those to faults that nobody expects", () => {
  const described = OPERATIONS.flatMap(([method, path]) =>
    Object.keys(paths[path]?.[method.toLowerCase()]?.responses ?? {}).map(
      (status) => `${method} ${path} ${status}`,
    ),
  );
  expect([...seen].toSorted()).toEqual(described.filter((name) => !name.endsWith(" 500")).toSorted());
});
