import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_ROUTES } from "../../service/src/http/admin-server.ts";
import { type ForeignSigner, foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import {
  type AccessFolder,
  ALL_SCOPES,
  accessFolder,
  bearer,
  ISSUER,
  type OwnSecret,
  ownSecret,
  reload,
} from "../support/access.ts";
import { macpAuthWith } from "../support/operator.ts";
import { ask } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";

// Operators are callers with a role.

const ADMIN_TOKEN = "an-admin-token-of-32-characters!";
const NAMES = ["viewer", "operator", "security", "no-role", "disabled"] as const;
type Name = (typeof NAMES)[number];

let secrets: Readonly<Record<Name, OwnSecret>>;
let ci: ForeignSigner;
let folder: AccessFolder;
let service: RunningService;
let adminPort: number;

beforeAll(async () => {
  secrets = Object.fromEntries(NAMES.map((name) => [name, ownSecret()])) as Record<Name, OwnSecret>;
  ci = await foreignSigner();
  folder = await accessFolder("");
  await folder.file("ci.jwks.json", JSON.stringify({ keys: [ci.publicJwk] }));
  await folder.put(accessDocument());
  service = await startService({
    ...folder.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    // With a ledger and a receiver of events, so that their operations do something too.
    MACP_AUTH_EVENTS_URL: "http://127.0.0.1:9/events",
    MACP_AUTH_STORE_URL: `sqlite:${join(dirname(folder.path), "store.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
  });
  adminPort = Number((await service.event("admin_listening"))["port"]);
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop();
  await folder.remove();
});

function accessDocument(): object {
  const secretOf = (name: Name) => [{ secret: secrets[name].line }];
  const withRole = (name: Name) => ({ role: name, proofs: secretOf(name) });
  return {
    version: 1,
    issuers: { ci: { preset: "oidc", issuer: "https://ci.example", keys: { jwks_file: "ci.jwks.json" } } },
    callers: {
      viewer: withRole("viewer"),
      operator: withRole("operator"),
      security: withRole("security"),
      "no-role": { proofs: secretOf("no-role") },
      disabled: { role: "security", disabled: true, proofs: secretOf("disabled") },
      scraper: { role: "viewer", proofs: [{ workload: { issuer: "ci", subject: "scraper" } }] },
    },
    grants: [{ name: "all", callers: ["no-role"], senders: ["agent://**"], scopes: ALL_SCOPES }],
  };
}

/** What the admin listener answers to this credential. */
async function asked(credential: string, method: string, path: string, body?: object) {
  const answer = await ask(adminPort, {
    method,
    path,
    headers: { ...bearer(credential), ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: answer.text };
}

const INSUFFICIENT = '{"error":"the role of this caller does not allow this"}';
const UNAUTHORISED = '{"error":"a bearer token is required"}';

describe.each(ADMIN_ROUTES)("$method $path", ({ method, path, roles }) => {
  // No body of an operation is valid here, so that nothing changes; no token has the id `{jti}`.
  const body = method === "POST" ? { nothing: 1 } : undefined;

  test.each(["viewer", "operator", "security", "no-role"] as const)("for a caller %s", async (name) => {
    const { status, text } = await asked(secrets[name].secret, method, path, body);
    if ((roles as readonly string[]).includes(name)) expect([200, 400, 404]).toContain(status);
    else expect([status, text]).toEqual([403, INSUFFICIENT]);
  });

  test("for the token of the listener, and for nobody without a valid credential", async () => {
    expect([200, 400, 404]).toContain((await asked(ADMIN_TOKEN, method, path, body)).status);
    for (const credential of [secrets.disabled.secret, `${secrets.security.secret}x`, "wrong"])
      expect(await asked(credential, method, path, body)).toEqual({ status: 401, text: UNAUTHORISED });
  });
});

test("a workload token of a caller with a role proves an operator", async () => {
  const now = Math.floor(Date.now() / 1_000);
  const claims = { iss: "https://ci.example", sub: "scraper", aud: ISSUER, iat: now, exp: now + 300 };
  const token = await foreignToken(ci, claims);
  expect((await asked(token, "GET", "/metrics")).status).toBe(200);
  expect((await asked(token, "POST", "/keys/rotate")).text).toBe(INSUFFICIENT);
});

test("the token of the admin listener has nothing minted, and a minted token operates nothing", async () => {
  const mint = (credential: string) =>
    ask(service.port, {
      method: "POST",
      path: "/tokens",
      headers: { ...bearer(credential), "content-type": "application/json" },
      body: '{"sender":"agent://a"}',
    });
  expect((await mint(ADMIN_TOKEN)).status).toBe(401);
  const minted = await mint(secrets["no-role"].secret);
  expect(minted.status).toBe(200);
  const { token } = JSON.parse(minted.text) as { token: string };
  expect(await asked(token, "GET", "/keys")).toEqual({ status: 401, text: UNAUTHORISED });
  await service.event("admin_refused", (line) => line["cause"] === "own_token");
});

test("a start is rejected where the token of the admin listener is also the secret of a caller", async () => {
  for (const shared of [
    { MACP_AUTH_SHARED_SECRET: ADMIN_TOKEN, MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN },
    { ...folder.env, MACP_AUTH_ADMIN_TOKEN: secrets.viewer.secret },
  ]) {
    const { code, err } = macpAuthWith({ ...shared, PORT: "0", MACP_AUTH_ADMIN_PORT: "0" }, "serve");
    expect(code).toBe(1);
    expect(err).toBe(
      "macp-auth: MACP_AUTH_ADMIN_TOKEN is also the secret of a caller, which mints; generate another token\n",
    );
  }
});

test("several credentials are answered 400", async () => {
  const answer = await ask(adminPort, {
    path: "/keys",
    headers: { authorization: [`Bearer ${ADMIN_TOKEN}`, `Bearer ${secrets.viewer.secret}`] as never },
  });
  expect(answer.status).toBe(400);
});

test("an operator may accept every outage but the end of valid tokens, which revokes them", async () => {
  const body = { kid: "none-of-that-name", accept: ["live-tokens"] };
  expect((await asked(secrets.operator.secret, "POST", "/keys/retire", body)).text).toBe(INSUFFICIENT);
  expect((await asked(secrets.security.secret, "POST", "/keys/retire", body)).status).toBe(409);
  const late = { ...body, accept: ["short-lead", "grace-risk", "verifiers-behind"] };
  expect((await asked(secrets.operator.secret, "POST", "/keys/retire", late)).status).toBe(409);
});

test("the command line works with the secret of a caller, and the log names the caller", async () => {
  const env = { MACP_AUTH_ADMIN_TOKEN: secrets.operator.secret };
  const admin = ["--admin", `http://127.0.0.1:${String(adminPort)}`];
  const listed = macpAuthWith(env, "keys", "list", "--json", ...admin);
  const { keys } = JSON.parse(listed.out) as { keys: { kid: string }[] };
  expect(macpAuthWith(env, "keys", "prepare", ...admin).code).toBe(0);
  const revoked = macpAuthWith(env, "keys", "revoke", ...admin, "--", keys[0]?.kid ?? "");
  expect(revoked.err).toContain("answered 403: the role of this caller does not allow this");
  const line = await service.event("key_operation", ({ operation }) => operation === "prepare");
  expect(line).toMatchObject({ actor: "operator", role: "operator", proved_by: "shared_secret", done: true });
});

test("issuers are listed with their keys, and forgetting one names who did it", async () => {
  const { text } = await asked(secrets.viewer.secret, "GET", "/issuers");
  expect(JSON.parse(text)).toMatchObject({
    issuers: [{ name: "ci", keys_from: "pinned", state: "fresh", keys: [{ kid: "their-key-1" }] }],
  });
  expect((await asked(secrets.operator.secret, "POST", "/issuers/ci/forget")).status).toBe(200);
  expect(await service.event("issuer_forgotten")).toMatchObject({ issuer: "ci", actor: "operator" });
});

test("an invalid document is reported as stale, is no reason not to be ready, and the log names the policy that decides", async () => {
  const before = JSON.parse((await asked(ADMIN_TOKEN, "GET", "/access")).text) as { policy: string };
  expect(before).toMatchObject({ mode: "enforce", stale: false, callers: 6, issuers: 1, grants: 1 });
  await folder.put("version: 2");
  await reload(service);
  expect(JSON.parse((await asked(secrets.viewer.secret, "GET", "/access")).text)).toEqual({
    ...before,
    stale: true,
  });
  expect(JSON.parse((await asked(secrets.viewer.secret, "GET", "/readyz")).text)).toMatchObject({
    ready: true,
    reasons: [],
    access: { mode: "enforce", policy: before.policy, stale: true },
  });
  expect((await asked(ADMIN_TOKEN, "GET", "/metrics")).text).toContain("\nmacp_auth_access_stale 1\n");
  await folder.put(accessDocument());
  await reload(service);
  expect((await asked(ADMIN_TOKEN, "GET", "/metrics")).text).toContain("\nmacp_auth_access_stale 0\n");
  expect(service.events("token_minted")[0]).toMatchObject({ policy: before.policy.slice(0, 16) });
});
