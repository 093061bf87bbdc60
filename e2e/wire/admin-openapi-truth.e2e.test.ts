import { randomBytes, randomUUID } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import { accessFolder, ISSUER } from "../support/access.ts";
import { descriptionAt } from "../support/held-description.ts";
import { ask, sendRaw } from "../support/raw-http.ts";
import { type RunningService, sharedService, withService } from "../support/service-process.ts";

const TOKEN = randomBytes(32).toString("base64url");
const ADMIN = { MACP_AUTH_SIGNING_ALG: "ES256", MACP_AUTH_ADMIN_PORT: "0", HOST: "127.0.0.1" };
const WITH_TOKEN = { ...ADMIN, MACP_AUTH_ADMIN_TOKEN: TOKEN };
const MANAGED = { ...WITH_TOKEN, MACP_AUTH_STORE_URL: "memory:" };

const RECORDED = {
  ...WITH_TOKEN,
  MACP_AUTH_STORE_URL: `sqlite:${join(mkdtempSync(join(tmpdir(), "macp-auth-admin-")), "store.db")}`,
  MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  // Nobody listens there: what is sent waits.
  MACP_AUTH_EVENTS_URL: "http://127.0.0.1:9/events",
};

const ISSUER_NAME = "ci";
const held = descriptionAt("admin-openapi.json");
const service = sharedService(MANAGED);
const recorded = sharedService(RECORDED);
const adminPort = async (running: RunningService): Promise<number> =>
  Number((await running.event("admin_listening"))["port"]);

/** Sends a JSON request to an operation and checks that the answer is described. */
async function answered(
  running: RunningService,
  method: string,
  path: string,
  {
    body,
    headers = {},
    path: sentPath,
  }: { body?: string; headers?: Record<string, string>; path?: string } = {},
): Promise<number> {
  const answer = await ask(await adminPort(running), {
    method,
    path: (sentPath ?? path).replace("{name}", ISSUER_NAME),
    headers: {
      authorization: `Bearer ${TOKEN}`,
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  });
  return held.expectDescribed(method, path, answer);
}

describe.each(held.operations)("%s %s answers as it is described", (method, path) => {
  const head = `${method} ${path} HTTP/1.1\r\n`;
  const sent = async (bytes: string) =>
    held.expectDescribed(
      method,
      path,
      await sendRaw(await adminPort(service()), head + bytes, method === "HEAD"),
    );

  test.each([
    [400, "Host: x\r\nHost: y\r\n\r\n"],
    [417, "Host: x\r\nExpect: nonsense\r\n\r\n"],
    [431, `Host: x\r\nX-Pad: ${"p".repeat(17 * 1024)}\r\n\r\n`],
  ])("with %i to a request that is wrong for every operation", async (status, bytes) => {
    expect(await sent(bytes)).toBe(status);
  });

  test("with 204 to OPTIONS from anyone, and 401 to anything else without the token", async () => {
    expect(await sent("Host: x\r\n\r\n")).toBe(method === "OPTIONS" ? 204 : 401);
  });
});

test("every operation answers 408 when the headers do not come, as it is described", {
  timeout: 20_000,
}, async () => {
  const port = await adminPort(service());
  const slow = held.operations.map(async ([method, path]) => {
    const answer = await sendRaw(
      port,
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nX-Slow: `,
      method === "HEAD",
    );
    expect(held.expectDescribed(method, path, answer)).toBe(408);
  });
  await Promise.all(slow);
});

const guarded = held.operations.filter(([method]) => method !== "OPTIONS");
const onIssuer = guarded.filter(([, path]) => path.includes("{name}"));
const onKeys = guarded.filter(([, path]) => path.startsWith("/keys"));
const onLedger = guarded.filter(([, path]) => /^\/(?:ledger|revocations)/.test(path));

test("where no token is set, a request that a web page could send is answered 403 as it is described", async () => {
  await withService({ ...ADMIN, MACP_AUTH_STORE_URL: "memory:" }, async (open) => {
    for (const [method, path] of guarded)
      expect(await answered(open, method, path, { headers: { origin: "http://localhost" } })).toBe(403);
  });
});

test("with a given key, operations on keys are answered 409 as it is described", async () => {
  await withService(WITH_TOKEN, async (given) => {
    for (const [method, path] of onKeys) expect(await answered(given, method, path)).toBe(409);
  });
});

test("while the store cannot be reached, operations on keys and readiness are answered 503 as it is described", async () => {
  const unreachable = {
    ...WITH_TOKEN,
    MACP_AUTH_STORE_URL: "postgres://127.0.0.1:1/none",
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  };
  await withService(unreachable, async (fenced) => {
    const body = JSON.stringify({ kid: "any" });
    for (const [method, path] of [...onKeys, ["GET", "/readyz"], ["HEAD", "/readyz"]] as const) {
      const needsKid = ["/keys/taint", "/keys/revoke", "/keys/retire"].includes(path);
      expect(await answered(fenced, method, path, needsKid ? { body } : {}), path).toBe(503);
    }
  });
});

test("while the store cannot be reached, every operation answers 503 to a client assertion, as it is described", async () => {
  const signer = await foreignSigner("ci-key");
  const proofs = [{ private_key_jwt: { jwks: { keys: [signer.publicJwk] } } }];
  const folder = await accessFolder({ version: 1, callers: { ci: { role: "security", proofs } } });
  const unreachable = {
    ...WITH_TOKEN,
    ...folder.env,
    MACP_AUTH_STORE_URL: "postgres://127.0.0.1:1/none",
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  };
  const assertion = () => {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { iss: "ci", sub: "ci", aud: ISSUER, jti: randomUUID(), iat: now, exp: now + 60 };
    return foreignToken(signer, claims, { typ: "client-authentication+jwt" });
  };
  await withService(unreachable, async (fenced) => {
    for (const [method, path] of guarded) {
      const headers = { authorization: `Bearer ${await assertion()}` };
      expect(await answered(fenced, method, path, { headers }), path).toBe(503);
    }
  });
  await folder.remove();
});

test("after too many wrong credentials, every operation is answered 429 as it is described", async () => {
  const folder = await accessFolder({ version: 1, limits: { failures_per_address: "1/1h" } });
  await withService({ ...WITH_TOKEN, ...folder.env }, async (guessed) => {
    const headers = { authorization: "Bearer wrong" };
    expect(await answered(guessed, "GET", "/keys", { headers })).toBe(401);
    for (const [method, path] of guarded)
      expect(await answered(guessed, method, path, { headers }), path).toBe(429);
  });
  await folder.remove();
});

test("a body that cannot be read is answered as it is described", async () => {
  const posts = [...onKeys, ...onIssuer, ...onLedger].filter(([name]) => name === "POST");
  for (const [method, path] of posts) {
    const wrong = (body: string, headers: Record<string, string> = {}) =>
      answered(path.startsWith("/revocations") ? recorded() : service(), method, path, {
        body,
        headers,
        path: path.replace("{epoch}", "1"),
      });
    expect(await wrong("{")).toBe(400);
    expect(await wrong('{"accpet":[]}')).toBe(400);
    expect(await wrong(JSON.stringify({ reason: "r".repeat(110_000) }))).toBe(413);
    expect(await wrong("a=b", { "content-type": "application/x-www-form-urlencoded" })).toBe(415);
    expect(await wrong("{}", { "content-encoding": "nope" })).toBe(415);
  }
});

test("an issuer is forgotten with 200, and one that is not declared is answered 404, as it is described", async () => {
  const signer = await foreignSigner();
  const folder = await accessFolder("");
  await folder.file("ci.jwks.json", JSON.stringify({ keys: [signer.publicJwk] }));
  const ci = { preset: "oidc", issuer: "https://ci.example", keys: { jwks_file: "ci.jwks.json" } };
  await folder.put({ version: 1, issuers: { [ISSUER_NAME]: ci } });
  try {
    await withService({ ...WITH_TOKEN, ...folder.env }, async (declared) => {
      for (const [method, path] of onIssuer) {
        expect(await answered(service(), method, path)).toBe(404);
        expect(await answered(declared, method, path)).toBe(200);
      }
      for (const path of ["/issuers", "/access", "/readyz"])
        expect(await answered(declared, "GET", path), path).toBe(200);
    });
  } finally {
    await folder.remove();
  }
});

test("each executed operation is answered 200 as it is described", async () => {
  const done = async (name: string, body: object): Promise<void> => {
    expect(await answered(service(), "POST", `/keys/${name}`, { body: JSON.stringify(body) }), name).toBe(
      200,
    );
  };
  const kidOf = async (state: string): Promise<string> => {
    const { text } = await ask(await adminPort(service()), {
      path: "/keys",
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const { keys } = JSON.parse(text) as { keys: { kid: string; state: string }[] };
    return keys.find((key) => key.state === state)?.kid ?? `no key is ${state}`;
  };
  const accept = ["short-lead"];
  await done("prepare", {});
  await done("rotate", { accept });
  await done("activate", { accept });
  await done("retire", { kid: await kidOf("retiring"), accept: ["live-tokens"] });
  await done("taint", { kid: await kidOf("standby"), reason: "seen elsewhere" });
  await done("revoke", { kid: await kidOf("standby") });
  await done("reseal", {});
  for (const path of ["/keys", "/readyz", "/metrics", "/access", "/issuers"])
    for (const method of ["GET", "HEAD"]) expect(await answered(service(), method, path)).toBe(200);
});

describe("the operations on events answer as they are described", () => {
  const BODIES = ["/events/replay", "/events/test"];
  const READS = ["/events", "/events/dead"];
  const post = (to: RunningService, path: string, body: string, headers: Record<string, string> = {}) =>
    answered(to, "POST", path, { body, headers });
  const of = (receiver: string): string => JSON.stringify({ receiver });

  test("with 409 where nobody is sent events", async () => {
    for (const path of READS)
      for (const method of ["GET", "HEAD"]) expect(await answered(service(), method, path)).toBe(409);
    for (const path of BODIES) expect(await post(service(), path, of("default"))).toBe(409);
  });

  test("with 200 about a receiver, 404 about one that there is not, and to bodies that cannot be read", async () => {
    for (const path of READS)
      for (const method of ["GET", "HEAD"]) expect(await answered(recorded(), method, path)).toBe(200);
    for (const path of BODIES) {
      expect(await post(recorded(), path, of("default")), path).toBe(200);
      expect(await post(recorded(), path, of("nobody")), path).toBe(404);
      expect(await post(recorded(), path, of("x".repeat(110_000)))).toBe(413);
      expect(await post(recorded(), path, of("default"), { "content-encoding": "nope" })).toBe(415);
    }
  });
});

test("where nothing is recorded, the operations on the ledger are answered 409 as it is described", async () => {
  const body = JSON.stringify({ sender: "agent://a", reason: "leaked" });
  for (const [method, path] of onLedger) {
    const sent = { path: pathOf(path), ...(method === "POST" && { body }) };
    expect(await answered(service(), method, path, sent), path).toBe(409);
  }
});

test("where tokens are recorded, the operations on the ledger are answered 200, and 404 to what is not there, as it is described", async () => {
  const minted = await ask(recorded().port, {
    method: "POST",
    path: "/tokens",
    headers: { "content-type": "application/json" },
    body: '{"sender":"agent://a"}',
  });
  const { token_id: jti } = JSON.parse(minted.text) as { token_id: string };
  const selector = { sender: "agent://a" };
  const posted = (path: string, body: object, sentPath = path) =>
    answered(recorded(), "POST", path, { body: JSON.stringify(body), path: sentPath });
  expect(await posted("/revocations/preview", selector)).toBe(200);
  expect(await posted("/revocations", { ...selector, reason: "leaked" })).toBe(200);
  for (const [epoch, status] of [
    [1, 200],
    [99, 404],
  ] as const)
    expect(
      await posted("/revocations/{epoch}/undo", { reason: "not it" }, `/revocations/${String(epoch)}/undo`),
    ).toBe(status);
  for (const [method, path] of onLedger.filter(([name]) => name !== "POST")) {
    expect(await answered(recorded(), method, path, { path: pathOf(path, jti) }), path).toBe(200);
    if (path.includes("{jti}"))
      expect(await answered(recorded(), method, path, { path: pathOf(path) }), path).toBe(404);
  }
});

/** The path of an operation on the ledger with what it needs. */
function pathOf(path: string, jti = "AAAAAAAAAAAAAAAAAAAAAA"): string {
  const queries: Readonly<Record<string, string>> = {
    "/ledger/live": "?sender=agent://a",
    "/ledger/tokens": `?digest=${"A".repeat(43)}`,
  };
  return path.replace("{jti}", jti).replace("{epoch}", "1") + (queries[path] ?? "");
}

test("every described answer was seen above, except those to unexpected faults", () => {
  expect([...held.seen].toSorted()).toEqual(held.described.toSorted());
});
