import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ALL_SCOPES, accessFolder, bearer, ownSecret } from "../support/access.ts";
import { descriptionAt } from "../support/held-description.ts";
import { ask, postTokens, RawConnection, sendRaw } from "../support/raw-http.ts";
import { sharedService, withService } from "../support/service-process.ts";

const held = descriptionAt("openapi.json");
const { expectDescribed } = held;
const MINT = '{"sender":"a"}';
const JWKS = "/.well-known/jwks.json";
const ENV = { MACP_AUTH_SIGNING_ALG: "ES256" };

const service = sharedService(ENV);
const port = () => service().port;

/** A service that records tokens, with everything that goes with them, and the secrets of a caller that may ask all and of one that may not. */
const [own, others] = [ownSecret(), ownSecret()];
const SECRET = own.secret;
const folderOfStore = mkdtempSync(join(tmpdir(), "macp-auth-truth-"));
const ACCESS = join(folderOfStore, "access.json");
const DOCUMENT = {
  version: 1,
  callers: {
    planner: { guards: true, introspects: ["macp-runtime"], proofs: [{ secret: own.line }] },
    other: { proofs: [{ secret: others.line }] },
  },
  grants: [{ name: "all", callers: ["planner"], senders: ["**"], scopes: ALL_SCOPES }],
};
writeFileSync(ACCESS, JSON.stringify(DOCUMENT), { mode: 0o600 });
const KEK = { MACP_AUTH_KEK: randomBytes(32).toString("base64url") };
const WITH_TOKENS = {
  MACP_AUTH_STATUS_LISTS: "on",
  MACP_AUTH_PUBLIC_URL: "https://auth.example",
  // Nothing is revoked, so nothing is sent there.
  MACP_AUTH_EVENTS_URL: "http://127.0.0.1:9/events",
};
const RECORDED = { ...ENV, ...KEK, MACP_AUTH_CONFIG_FILE: ACCESS };
const FORM = { "content-type": "application/x-www-form-urlencoded" };
const recording = sharedService({
  ...RECORDED,
  ...WITH_TOKENS,
  MACP_AUTH_STORE_URL: `sqlite:${join(folderOfStore, "store.db")}`,
});
afterAll(() => {
  rmSync(folderOfStore, { recursive: true });
});
const isOfRecorded = (path: string): boolean => /^\/(?:oauth|statuslists|guard|events)(?:\/|$)/.test(path);
/** A list of the service that records tokens. */
let listPath = "";
beforeAll(async () => {
  const { text } = await ask(recording().port, { path: "/statuslists" });
  listPath = new URL((JSON.parse(text) as { status_lists: string[] }).status_lists[0] ?? "").pathname;
});
/** What is sent for the path of an operation. */
const sentFor = (path: string): string => {
  if (path === "/guard/feed") return `${path}?after=-1`;
  return path === "/statuslists/{id}" ? listPath : path;
};
const portOf = (path: string): number => (isOfRecorded(path) ? recording().port : port());

/** A request of this operation as bytes. A length, where there is one, is that of the body. */
function bytesOf(method: string, path: string, headers = "Host: x\r\n", version = "1.1"): string {
  const isForm = path.startsWith("/oauth/");
  const body = method === "POST" ? (isForm ? "token=x" : MINT) : "";
  const type = isForm ? `${FORM["content-type"]}\r\nAuthorization: Bearer ${SECRET}` : "application/json";
  const framing = body === "" ? "" : `Content-Type: ${type}\r\nContent-Length: ${String(body.length)}\r\n`;
  const proof = path === "/guard/feed" ? `Authorization: Bearer ${SECRET}\r\n` : "";
  return `${method} ${sentFor(path)} HTTP/${version}\r\n${headers}${proof}${framing}\r\n${body}`;
}

describe.each(held.operations)("%s %s answers as it is described", (method, path) => {
  const sent = async (bytes: string) =>
    expectDescribed(method, path, await sendRaw(portOf(path), bytes, method === "HEAD"));

  test("for valid requests, with a request id of the caller or without", async () => {
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
  const slow = held.operations.map(async ([method, path]) => {
    const answer = await sendRaw(
      portOf(path),
      `${method} ${sentFor(path)} HTTP/1.1\r\nHost: x\r\nX-Slow: `,
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
  ])("and accepts the body %j exactly when the schema does", async (body) => {
    const status = expectDescribed("POST", "/tokens", await postTokens(port(), body));
    expect(status).toBe(held.fits("MintRequest", body) ? 200 : 400);
  });

  test("with 503 when too many mints are under way", async () => {
    await withService(ENV, async (crowded) => {
      const waiting = await RawConnection.openMany(crowded.port, 970);
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

test("without a key that may sign, minting and the JWKS answer 503 as it is described, and /healthz still answers 200", async () => {
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

test("where callers and a policy are enforced, minting answers 401, 403 and 200 as it is described", async () => {
  const folder = await accessFolder({
    version: 1,
    callers: { planner: { proofs: [{ secret: own.line }] } },
    grants: [{ name: "own", callers: ["planner"], senders: ["a"], scopes: ALL_SCOPES }],
  });
  await withService(folder.env, async (closed) => {
    const statusOf = async (body: object, headers = {}) =>
      expectDescribed("POST", "/tokens", await postTokens(closed.port, body, headers));
    expect(await statusOf({ sender: "a" })).toBe(401);
    expect(await statusOf({ sender: "b" }, bearer(own.secret))).toBe(403);
    expect(await statusOf({ sender: "a", audience: ["x"] }, bearer(own.secret))).toBe(400);
    expect(await statusOf({ sender: "a", audience: "macp-runtime" }, bearer(own.secret))).toBe(200);
  });
  await folder.remove();
});

test("beyond a limit, minting answers 429 as it is described", async () => {
  const folder = await accessFolder({ version: 1, limits: { address: "2/1h" } });
  await withService({ ...ENV, ...folder.env }, async (limited) => {
    const statuses: number[] = [];
    for (let count = 0; count < 3; count += 1)
      statuses.push(expectDescribed("POST", "/tokens", await postTokens(limited.port, MINT)));
    expect(statuses).toEqual([200, 200, 429]);
  });
  await folder.remove();
});

describe.each(["/oauth/introspect", "/oauth/revoke"])("POST %s answers as it is described", (path) => {
  const post = async (to: number, body: string, headers: Readonly<Record<string, string>>): Promise<number> =>
    expectDescribed("POST", path, await ask(to, { method: "POST", path, headers, body }));
  const proved = { ...FORM, ...bearer(SECRET) };

  test("about a live token, to a stranger, and to requests with faults", async () => {
    const to = recording().port;
    const { token } = JSON.parse((await postTokens(to, MINT, bearer(SECRET))).text) as { token: string };
    expect(await post(to, `token=${token}`, proved)).toBe(200);
    expect(await post(to, `token=${token}`, FORM)).toBe(401);
    expect(await post(to, "token=a&token=b", proved)).toBe(400);
    expect(await post(to, "token=a", bearer(SECRET))).toBe(400);
    expect(await post(to, `token=${"a".repeat(110_000)}`, proved)).toBe(413);
    expect(await post(to, "token=a", { ...proved, "content-encoding": "nope" })).toBe(415);
  });

  test("where no token is recorded, and where what is recorded is not known", async () => {
    expect(await post(port(), "token=a", FORM)).toBe(404);
    await withService({ ...RECORDED, MACP_AUTH_STORE_URL: "postgres://127.0.0.1:1/none" }, async (fenced) => {
      expect(await post(fenced.port, "token=a", proved)).toBe(503);
    });
  });

  test("to a caller that may not, and beyond a limit", async () => {
    const [one, other] = [ownSecret(), ownSecret()];
    const folder = await accessFolder({
      version: 1,
      callers: { one: { proofs: [{ secret: one.line }] }, other: { proofs: [{ secret: other.line }] } },
      grants: [{ name: "all", callers: ["one"], senders: ["a"], scopes: ALL_SCOPES }],
      limits: { address: "2/1h" },
    });
    const store = `sqlite:${join(folderOfStore, `${path.slice(7)}.db`)}`;
    await withService({ ...ENV, ...KEK, ...folder.env, MACP_AUTH_STORE_URL: store }, async (closed) => {
      const { token } = JSON.parse((await postTokens(closed.port, MINT, bearer(one.secret))).text) as {
        token: string;
      };
      const body = `token=${token}`;
      expect(await post(closed.port, body, { ...FORM, ...bearer(other.secret) })).toBe(403);
      expect(await post(closed.port, body, { ...FORM, ...bearer(other.secret) })).toBe(429);
    });
    await folder.remove();
  });
});

describe("status lists answer as they are described", () => {
  const get = async (
    to: number,
    path: string,
    sent: string,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    for (const method of ["HEAD", "GET"]) {
      const answer = await ask(to, { method, path: sent, headers });
      expectDescribed(method, path, answer);
      if (method === "GET") return answer;
    }
    throw new Error("no answer");
  };
  const one = "/statuslists/{id}";

  test("to a client that has the list, and about one that there is not", async () => {
    const to = recording().port;
    let status = 0;
    // The next one may be made between the two.
    for (let tries = 0; tries < 5 && status !== 304; tries += 1) {
      const etag = (await get(to, one, listPath)).headers.get("etag") ?? "";
      status = (await get(to, one, listPath, { "if-none-match": etag })).status;
    }
    expect(status).toBe(304);
    expect((await get(to, one, "/statuslists/0000000000")).status).toBe(404);
    expect((await get(to, one, listPath, { "accept-encoding": "gzip" })).status).toBe(200);
  });

  test("where what was revoked is not known", async () => {
    const lost = { ...RECORDED, ...WITH_TOKENS, MACP_AUTH_STORE_URL: "postgres://127.0.0.1:1/none" };
    await withService(lost, async ({ port: to }) => {
      for (const path of ["/statuslists", "/statuslists/jwks.json", "/events/jwks.json"])
        expect((await get(to, path, path)).status).toBe(503);
      expect((await get(to, one, "/statuslists/0000000000")).status).toBe(503);
    });
  });
});

describe("GET /guard/feed answers as it is described", () => {
  const path = "/guard/feed";
  const get = async (
    to: number,
    sent: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<number> => {
    const statuses: number[] = [];
    for (const method of ["HEAD", "GET"])
      statuses.push(expectDescribed(method, path, await ask(to, { method, path: sent, headers })));
    expect(new Set(statuses).size).toBe(1);
    return statuses[0] ?? 0;
  };
  const asked = sentFor(path);

  test("to a guard, to a stranger, to a caller that is none, and to a question that is none", async () => {
    const to = recording().port;
    expect(await get(to, asked, bearer(SECRET))).toBe(200);
    expect(await get(to, asked, {})).toBe(401);
    expect(await get(to, asked, bearer(others.secret))).toBe(403);
    expect(await get(to, path, bearer(SECRET))).toBe(400);
  });

  test("where there is none, where what was revoked is not known, and beyond a limit", async () => {
    expect(await get(port(), asked, bearer(SECRET))).toBe(404);
    await withService({ ...RECORDED, MACP_AUTH_STORE_URL: "postgres://127.0.0.1:1/none" }, async (lost) => {
      expect(await get(lost.port, asked, bearer(SECRET))).toBe(503);
    });
    const folder = await accessFolder({ ...DOCUMENT, limits: { address: "2/1h" } });
    const store = `sqlite:${join(folderOfStore, "feed.db")}`;
    await withService({ ...ENV, ...KEK, ...folder.env, MACP_AUTH_STORE_URL: store }, async (limited) => {
      expect(await get(limited.port, asked, bearer(SECRET))).toBe(200);
      expect(await get(limited.port, asked, bearer(SECRET))).toBe(429);
    });
    await folder.remove();
  });
});

test("every described answer was seen above, except those to unexpected faults", () => {
  expect([...held.seen].toSorted()).toEqual(held.described.toSorted());
});
