import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { getListFromStatusListJWT, getStatusListFromJWT } from "@sd-jwt/jwt-status-list";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  mayLeavePostgresOut,
  postgresPlace,
  type StoredPlace,
  sqlitePlace,
} from "../../service/src/testing/store-places.ts";
import { macpAuthWith } from "../support/operator.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import {
  BOOT_MS_MAX,
  type Environment,
  type RunningService,
  startService,
} from "../support/service-process.ts";

const PUBLIC_URL = "https://auth.example/base";
const ADMIN_TOKEN = randomBytes(32).toString("base64url");

interface Minted {
  readonly token: string;
  readonly token_id: string;
}

async function mint(service: RunningService, body: object = { sender: "agent://a" }): Promise<Minted> {
  const answer = await postTokens(service.port, body);
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text) as Minted;
}

function get(service: RunningService, path: string, headers: Readonly<Record<string, string>> = {}) {
  return ask(service.port, { path, headers });
}

/** Where the list of a token is on this listener, and its index. */
function placeOf({ token }: Minted): { readonly path: string; readonly uri: string; readonly idx: number } {
  const { idx, uri } = getStatusListFromJWT(token);
  expect(uri.startsWith(`${PUBLIC_URL}/statuslists/`)).toBe(true);
  return { path: uri.slice(PUBLIC_URL.length), uri, idx };
}

/** The status of a token as another implementation reads it, with jose for the signature. */
async function statusOf(service: RunningService, minted: Minted): Promise<number> {
  const { path, uri, idx } = placeOf(minted);
  const answer = await get(service, path);
  expect(answer.status, answer.text).toBe(200);
  const keys = JSON.parse((await get(service, "/statuslists/jwks.json")).text) as JSONWebKeySet;
  const options = {
    typ: "statuslist+jwt",
    subject: uri,
    algorithms: ["ES256"],
    requiredClaims: ["iat", "exp", "ttl"],
  };
  await jwtVerify(answer.text, createLocalJWKSet(keys), options);
  return getListFromStatusListJWT(answer.text).getStatus(idx);
}

async function untilStatus(service: RunningService, minted: Minted, status: number): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if ((await statusOf(service, minted)) === status) return;
    await sleep(50);
  }
  expect.unreachable("the bit did not change in time");
}

describe.each([
  ["SQLite", sqlitePlace],
  ["PostgreSQL", postgresPlace],
] as const)("status lists of two replicas over %s", (name, makePlace) => {
  if (name === "PostgreSQL" && mayLeavePostgresOut()) {
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
    return;
  }
  let place: StoredPlace;
  let env: Environment;
  let first: RunningService;
  let second: RunningService;
  let admin: string;
  beforeAll(async () => {
    place = await makePlace();
    env = {
      MACP_AUTH_SIGNING_ALG: "ES256",
      MACP_AUTH_STORE_URL: place.url,
      MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
      MACP_AUTH_PUBLIC_URL: `${PUBLIC_URL}/`,
      MACP_AUTH_STATUS_LISTS: "on",
      MACP_AUTH_ADMIN_PORT: "0",
      MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
    };
    first = await startService(env);
    second = await startService(env);
    admin = `http://127.0.0.1:${String((await first.event("admin_listening"))["port"])}`;
  }, BOOT_MS_MAX * 3);
  afterAll(async () => {
    await Promise.all([first.stop(), second.stop()]);
    await place.remove();
  });
  const macpAuth = (...args: string[]) =>
    macpAuthWith({ MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN }, ...args, "--admin", admin);

  test("a revoked token is 1 on both replicas, another stays 0, and undoing makes it 0 again", async () => {
    const [stopped, child, other] = [
      await mint(first, { sender: "agent://a", run: "r" }),
      await mint(second, { sender: "agent://b", run: "r" }),
      await mint(second),
    ];
    for (const one of [stopped, child, other]) expect(await statusOf(first, one)).toBe(0);
    const done = macpAuth("revoke", "--run", "r", "--reason", "leaked", "--yes");
    expect(done.out).toMatch(/^stopped 2 live tokens/);
    for (const replica of [first, second]) {
      for (const one of [stopped, child]) await untilStatus(replica, one, 1);
      expect(await statusOf(replica, other)).toBe(0);
    }
    const number = /revocation (\d+)/.exec(done.out)?.[1] ?? "";
    expect(macpAuth("revocations", "undo", number, "--reason", "another run").code).toBe(0);
    await untilStatus(second, stopped, 0);
  });

  test("all that an agent got until now is 1, and what it gets next is 0", async () => {
    const before = await Promise.all([first, second, first].map((at) => mint(at, { sender: "agent://s" })));
    const done = macpAuth("revoke", "--sender", "agent://s", "--reason", "rogue", "--yes");
    expect(done.out).toMatch(/^stopped 3 live tokens/);
    // Another replica may mint the first time before it knows of the revocation.
    let after = await postTokens(second.port, { sender: "agent://s" });
    for (let tries = 0; after.status === 403 && tries < 100; tries += 1)
      after = await postTokens(second.port, { sender: "agent://s" });
    for (const one of before) await untilStatus(second, one, 1);
    expect(await statusOf(second, JSON.parse(after.text) as Minted)).toBe(0);
  });

  test("its headers let caches keep it for its ttl, and a list that a client has is not sent again", async () => {
    const { path } = placeOf(await mint(first));
    const answer = await get(first, path);
    expect(answer.headers.get("content-type")).toBe("application/statuslist+jwt");
    expect(answer.headers.get("cache-control")).toBe("public, max-age=15");
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("vary")).toBe("accept-encoding");
    expect(answer.headers.get("content-encoding")).toBeUndefined();
    let status = 0;
    for (let tries = 0; tries < 3 && status !== 304; tries += 1) {
      const etag = (await get(first, path)).headers.get("etag") ?? "";
      const again = await get(first, path, { "if-none-match": `"x", ${etag}` });
      status = again.status;
      if (status === 304) expect(again.body.length).toBe(0);
    }
    expect(status).toBe(304);
    const zipped = await get(first, path, { "accept-encoding": "br, gzip;q=0.5" });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    const text = gunzipSync(zipped.body).toString();
    expect(JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString())).toMatchObject({
      iss: "macp-auth-service",
      sub: PUBLIC_URL + path,
      ttl: 15,
      status_list: { bits: 1, aggregation_uri: `${PUBLIC_URL}/statuslists` },
    });
    expect((await get(first, path, { "accept-encoding": "gzip;q=0" })).text).toMatch(/^eyJ/);
  });

  test("all lists are listed, and what is no list is not found", async () => {
    const { uri } = placeOf(await mint(second));
    for (let tries = 0; ; tries += 1) {
      const { text } = await get(first, "/statuslists");
      if ((JSON.parse(text) as { status_lists: string[] }).status_lists.includes(uri)) break;
      expect(tries).toBeLessThan(400);
      await sleep(50);
    }
    for (const path of ["/statuslists/0000000000", "/statuslists/x", "/statuslists/%2e%2e"])
      expect([path, (await get(first, path)).status]).toEqual([path, 404]);
  });

  test("no key that verifies lists is in the JWKS of tokens, and no key of that verifies a list (N37a)", async () => {
    const lists = JSON.parse((await get(first, "/statuslists/jwks.json")).text) as JSONWebKeySet;
    const tokens = JSON.parse((await get(first, "/.well-known/jwks.json")).text) as JSONWebKeySet;
    const points = ({ keys }: JSONWebKeySet) => keys.map(({ x }) => x);
    expect(points(tokens).filter((x) => points(lists).includes(x))).toEqual([]);
    const { path } = placeOf(await mint(first));
    await expect(jwtVerify((await get(first, path)).text, createLocalJWKSet(tokens))).rejects.toThrow();
  });

  test("a replica that is killed leaves indexes behind that nobody gets", async () => {
    const places = new Set<string>();
    const add = async (service: RunningService) => {
      const { uri, idx } = placeOf(await mint(service));
      expect(places.has(`${uri} ${String(idx)}`)).toBe(false);
      places.add(`${uri} ${String(idx)}`);
    };
    for (let round = 0; round < 2; round += 1) {
      const doomed = await startService(env);
      for (let count = 0; count < 20; count += 1) await add(doomed);
      await doomed.stop("SIGKILL");
      for (let count = 0; count < 20; count += 1) await add(second);
    }
    expect(places.size).toBe(80);
  });

  test("the command line says what a list says of a token, closes lists, and replaces their key", async () => {
    const url = `http://127.0.0.1:${String(first.port)}`;
    const check = (token: string, ...more: string[]) =>
      macpAuthWith({}, "status-lists", "check", token, "--url", url, ...more);
    const [one, other] = [await mint(first), await mint(first, { sender: "agent://a", ttl_seconds: 1 })];
    await untilStatus(first, one, 0);
    expect(check(one.token)).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^valid: bit \d+ of https:\S+, a list made \d+ s ago\n$/) as string,
    });
    expect(macpAuth("revoke", "--jti", one.token_id, "--reason", "leaked", "--yes").code).toBe(0);
    await untilStatus(first, one, 1);
    expect(check(one.token)).toMatchObject({ code: 1, out: expect.stringMatching(/^revoked: /) as string });
    await sleep(2_000);
    expect(check(other.token, "--json").code).toBe(1);
    expect(JSON.parse(check(other.token, "--json").out)).toMatchObject({ status: "expired" });
    const elsewhere = check(one.token, "--list", `${url}/.well-known/jwks.json`);
    expect([elsewhere.code, elsewhere.out]).toEqual([1, ""]);
    expect(elsewhere.err).toContain("is no list that can be believed");
    const unmarked = `${one.token.split(".")[0] ?? ""}.${Buffer.from('{"sub":"a"}').toString("base64url")}.AAAA`;
    expect(check(unmarked).err).toContain("the token has no status");

    const settings = { ...env, MACP_AUTH_ADMIN_PORT: "" };
    expect(macpAuthWith(settings, "status-lists", "close").out).toMatch(/^closed \d+ lists?; /);
    const rotated = macpAuthWith(settings, "status-lists", "rotate-key", "--json");
    const { kid } = JSON.parse(rotated.out) as { kid: string };
    for (let tries = 0; ; tries += 1) {
      const { keys } = JSON.parse((await get(second, "/statuslists/jwks.json")).text) as JSONWebKeySet;
      if (keys[0]?.kid === kid && keys.length > 1) break;
      expect(tries).toBeLessThan(400);
      await sleep(50);
    }
    expect(await statusOf(second, one)).toBe(1);
  });

  test("its ledger entry and its state are shown: the place, how many lists there are, and how old the look is", async () => {
    const minted = await mint(first);
    const { uri, idx } = placeOf(minted);
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const port = Number(new URL(admin).port);
    const entries = await ask(port, { path: `/ledger/entries?jti=${minted.token_id}`, headers });
    const [entry] = (JSON.parse(entries.text) as { entries: { record: object }[] }).entries;
    expect(entry?.record).toMatchObject({ status: { list: uri.slice(-10), idx } });
    const ready = JSON.parse((await ask(port, { path: "/readyz", headers })).text) as Record<string, unknown>;
    expect(ready["status_lists"]).toMatchObject({ stale: false, stale_after_ms: 5_000 });
    const { text } = await ask(port, { path: "/metrics", headers });
    expect(text).toMatch(/^macp_auth_status_lists [1-9]/m);
    expect(text).toMatch(/^macp_auth_status_lists_age_seconds \d/m);
  });
});

test("without the setting nothing of it is there", async () => {
  const place = await sqlitePlace();
  const service = await startService({
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: place.url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_PUBLIC_URL: PUBLIC_URL,
  });
  try {
    const { token } = await mint(service);
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as object;
    expect(Object.keys(claims)).toEqual(["macp_scopes", "sub", "iss", "aud", "iat", "exp", "jti"]);
    for (const path of ["/statuslists", "/statuslists/jwks.json", "/statuslists/0000000000"])
      expect((await get(service, path)).status).toBe(404);
  } finally {
    await service.stop();
    await place.remove();
  }
});
