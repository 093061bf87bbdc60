import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, RawConnection } from "../support/raw-http.ts";
import { BOOT_MS_MAX, sharedService } from "../support/service-process.ts";

const page = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), "utf8");
const API = page("api.md");
const OPERATIONS = page("operations.md");
/** Pages of operations that need more than a service as it starts: their own tests call these. */
const ELSEWHERE = ["introspection.md", "status-lists.md", "events.md", "guard-sidecar.md"].map(page);

/** The calls of curl in a page's shell blocks, each as one line. */
function callsIn(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = ""]) => block);
  const lines = blocks.flatMap((block) => block.replaceAll("\\\n", " ").split("\n"));
  return lines
    .filter((line) => line.startsWith("curl "))
    .map((line) => line.replaceAll(/ {2,}#.*$| {2,}/g, " ").trim());
}

/** `METHOD /path` of a call, as the tables of operations have it. */
function operationOf(call: string): string {
  const path = /https?:\/\/[^/\s'"]+(\/[^\s'"?]*)/.exec(call)?.[1] ?? "";
  return `${/ -X POST| -d /.test(call) ? "POST" : "GET"} ${path.replace("/issuers/$NAME/", "/issuers/{name}/")}`;
}

/** The operations that a page has a table row or a section of. */
function operationsIn(markdown: string): string[] {
  const named = [...markdown.matchAll(/^(?:\| \[?`|## )((?:GET|POST) \/[a-z./_{}-]+)`?/gm)].map(
    ([, name = ""]) => name,
  );
  return [...new Set(named)].sort();
}

const hasCurl = spawnSync("curl", ["--version"]).status === 0;

describe("the calls that the documents show", { timeout: BOOT_MS_MAX }, () => {
  const storeFolder = mkdtempSync(join(tmpdir(), "macp-auth-calls-"));
  const running = sharedService({
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: `sqlite:${join(storeFolder, "store.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    // Nobody listens there: what is sent waits.
    MACP_AUTH_EVENTS_URL: "http://127.0.0.1:9/events",
    HOST: "127.0.0.1",
  });
  let home: string;
  let admin: number;
  beforeAll(async () => {
    admin = Number((await running().event("admin_listening"))["port"]);
    home = mkdtempSync(join(tmpdir(), "macp-auth-curl-"));
    // The calls run as they are printed; curl's own file leads the documented ports to this service.
    const lines = [
      `connect-to = "localhost:3200:127.0.0.1:${String(running().port)}"`,
      `connect-to = "127.0.0.1:3201:127.0.0.1:${String(admin)}"`,
      'write-out = "\\n%{http_code}"',
    ];
    writeFileSync(join(home, ".curlrc"), lines.join("\n"));
  });
  afterAll(() => {
    for (const folder of [home, storeFolder]) rmSync(folder, { recursive: true });
  });

  interface Key {
    readonly kid: string;
    readonly alg: string;
    readonly state: string;
  }
  const kidOf = async (state: string): Promise<string> => {
    const { keys } = JSON.parse((await ask(admin, { path: "/keys" })).text) as { keys: Key[] };
    return keys.findLast((key) => key.state === state && key.alg === "ES256")?.kid ?? `no key is ${state}`;
  };
  const run = (call: string, kid = ""): { status: number; text: string } => {
    const out = execFileSync("bash", ["-c", call], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "", HOME: home, KID: kid, NAME: "ci" },
    });
    const end = out.lastIndexOf("\n");
    return { status: Number(out.slice(end + 1)), text: out.slice(0, end) };
  };

  test("there is one for each operation of the public interface and of the admin listener", () => {
    const called = [...new Set(callsIn(API).map(operationOf))];
    const elsewhere = ELSEWHERE.flatMap(operationsIn);
    expect([...called, ...elsewhere]).toEqual(expect.arrayContaining(operationsIn(API)));
    expect([...new Set(callsIn(OPERATIONS).map(operationOf))].sort()).toEqual(operationsIn(OPERATIONS));
    const described = JSON.parse(page("api/openapi.json")) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const operations = Object.entries(described.paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method === "get" || method === "post")
        .map((method) => `${method.toUpperCase()} ${path}`),
    );
    const documented = [API, OPERATIONS, ...ELSEWHERE].flatMap(operationsIn);
    expect(documented).toEqual(expect.arrayContaining(operations));
  });

  test.skipIf(!hasCurl && process.env["CI"] === undefined).each(callsIn(API))(
    "public interface, run as printed: %s",
    (call) => {
      expect(run(call).status).toBe(200);
    },
  );

  /** The state of the key that each operation is shown with. */
  const STATES: Readonly<Record<string, string>> = {
    "POST /keys/activate": "standby",
    "POST /keys/taint": "standby",
    "POST /keys/revoke": "standby",
    "POST /keys/retire": "retiring",
  };
  test.skipIf(!hasCurl && process.env["CI"] === undefined).each(callsIn(OPERATIONS))(
    "admin listener, run as printed: %s",
    async (call) => {
      const operation = operationOf(call);
      const state = STATES[operation];
      const { status, text } = run(call, state === undefined ? "" : await kidOf(state));
      // This service declares no issuer.
      if (operation === "POST /issuers/{name}/forget") {
        expect([status, text]).toEqual([404, '{"error":"no issuer has this name"}']);
        return;
      }
      // No key has been served for its lead yet: an operation that needs it is rejected as documented.
      const isEarly =
        ["POST /keys/activate", "POST /keys/rotate"].includes(operation) && !call.includes("short-lead");
      expect([status, text]).toEqual(
        isEarly ? [409, expect.stringContaining('"reason":"not_ready"')] : [200, expect.any(String)],
      );
    },
  );
});

describe("no body at all is an empty request for each operation on the keys", {
  timeout: BOOT_MS_MAX,
}, () => {
  const running = sharedService({
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: "memory:",
    MACP_AUTH_ADMIN_PORT: "0",
    HOST: "127.0.0.1",
  });
  const post = async (operation: string, headers: readonly string[], body: string) => {
    const connection = await RawConnection.open(Number((await running().event("admin_listening"))["port"]));
    const head = [`POST /keys/${operation} HTTP/1.1`, "Host: localhost", ...headers];
    connection.send(`${head.join("\r\n")}\r\n\r\n${body}`);
    const answer = await connection.response();
    connection.destroy();
    return { status: answer?.status, text: answer?.text ?? "" };
  };
  const JSON_TYPE = "Content-Type: application/json";
  const FORM_TYPE = "Content-Type: application/x-www-form-urlencoded";
  const CHUNKED = "Transfer-Encoding: chunked";
  const LAST_CHUNK = "0\r\n\r\n";

  const NOTHING: ReadonlyArray<readonly [string, readonly string[], string]> = [
    ["no header at all", [], ""],
    ["Content-Length: 0", ["Content-Length: 0"], ""],
    ["-d '' of curl", [FORM_TYPE, "Content-Length: 0"], ""],
    ["the JSON type", [JSON_TYPE], ""],
    ["the JSON type and Content-Length: 0", [JSON_TYPE, "Content-Length: 0"], ""],
    ["a coding of nothing", [JSON_TYPE, "Content-Encoding: gzip", "Content-Length: 0"], ""],
    ["chunks of nothing", [CHUNKED], LAST_CHUNK],
    ["chunks of nothing, of the JSON type", [JSON_TYPE, CHUNKED], LAST_CHUNK],
    ["chunks of nothing, as a form", [FORM_TYPE, CHUNKED], LAST_CHUNK],
  ];
  test.each(NOTHING)("%s", async (_name, headers, body) => {
    for (const operation of ["activate", "rotate"]) {
      const { status, text } = await post(operation, headers, body);
      expect([status, text], operation).toEqual([409, expect.stringContaining('"reason":"not_ready"')]);
    }
    for (const operation of ["taint", "revoke", "retire"]) {
      const { status, text } = await post(operation, headers, body);
      expect([status, text], operation).toEqual([
        400,
        expect.stringMatching(/"error":".*: \\"kid\\" is missing/),
      ]);
    }
    const prepared = await post("prepare", headers, body);
    expect(prepared.text).toMatch(/^\{"done":true|"reason":"too_many_keys"/);
  });

  const OTHERS: ReadonlyArray<readonly [string, readonly string[], string]> = [
    ["text", ["Content-Type: text/plain", "Content-Length: 2"], "{}"],
    ["a form", [FORM_TYPE, "Content-Length: 5"], "a=b&c"],
    ["bytes of no type", ["Content-Length: 2"], "{}"],
    ["one space", ["Content-Type: text/plain", "Content-Length: 1"], " "],
    ["chunks of no type", [CHUNKED], `2\r\n{}\r\n${LAST_CHUNK}`],
  ];
  test.each(OTHERS)("but %s is 415", async (_name, headers, body) => {
    for (const operation of ["prepare", "activate", "rotate", "taint", "revoke", "retire"])
      expect((await post(operation, headers, body)).status, operation).toBe(415);
  });
});
