import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { decodeJwt, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { foreignSigner, signedText } from "../../service/src/testing/callers.ts";
import { type AccessFolder, ALL_SCOPES, accessFolder, bearer, ownSecret } from "../support/access.ts";
import { ask, postTokens, type WireResponse } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService, withService } from "../support/service-process.ts";

// Two replicas over one store: what one of them stops, the other one knows.

const INACTIVE = '{"active":false}';
const secrets = {
  planner: ownSecret(),
  other: ownSecret(),
  guard: ownSecret(),
  elsewhere: ownSecret(),
  incident: ownSecret(),
};
type Who = keyof typeof secrets;

let folder: AccessFolder;
let store: string;
let first: RunningService;
let second: RunningService;

const proofs = (who: Who) => [{ secret: secrets[who].line }];
const grant = (name: string, callers: readonly string[], audiences: readonly string[]) => ({
  name,
  callers,
  senders: ["agent://**"],
  scopes: ALL_SCOPES,
  unknown_scopes: "allow",
  on_excess: "narrow",
  audiences,
});

beforeAll(async () => {
  folder = await accessFolder({
    version: 1,
    callers: {
      planner: { proofs: proofs("planner") },
      other: { proofs: proofs("other") },
      guard: { introspects: ["macp-runtime"], proofs: proofs("guard") },
      elsewhere: { introspects: ["another-runtime"], proofs: proofs("elsewhere") },
      incident: { revokes: ["agent://prod/**"], proofs: proofs("incident") },
    },
    grants: [grant("all", ["planner", "other"], ["macp-runtime", "another-runtime"])],
  });
  store = await mkdtemp(join(tmpdir(), "macp-auth-oauth-"));
  const env = {
    ...folder.env,
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: `sqlite:${join(store, "store.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  };
  first = await startService(env);
  second = await startService(env);
}, BOOT_MS_MAX * 2);

afterAll(async () => {
  await Promise.all([first.stop(), second.stop()]);
  await Promise.all([folder.remove(), rm(store, { recursive: true })]);
});

interface Minted {
  readonly token: string;
  readonly token_id: string;
  readonly expires_at: number;
  readonly warnings?: readonly string[];
}

async function mint(body: object, who: Who = "planner"): Promise<Minted> {
  const answer = await postTokens(first.port, { sender: "agent://a", ...body }, bearer(secrets[who].secret));
  expect([answer.status, answer.text]).toEqual([200, answer.text]);
  return JSON.parse(answer.text) as Minted;
}

function form(
  at: RunningService,
  path: "introspect" | "revoke",
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<WireResponse> {
  return ask(at.port, {
    method: "POST",
    path: `/oauth/${path}`,
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body,
  });
}

const introspected = (token: string, who: Who = "guard", at = second): Promise<WireResponse> =>
  form(at, "introspect", `token=${encodeURIComponent(token)}`, bearer(secrets[who].secret));
const revoked = (token: string, who: Who, at = first): Promise<WireResponse> =>
  form(at, "revoke", `token=${encodeURIComponent(token)}`, bearer(secrets[who].secret));
const isActive = async (token: string, at = second): Promise<boolean> => {
  const { status, text } = await introspected(token, "guard", at);
  expect(status).toBe(200);
  return (JSON.parse(text) as { active: boolean }).active;
};

describe("a token that was minted at one replica", () => {
  test("is live at the other, which says what is in it and that nothing may be kept", async () => {
    const { token } = await mint({ scopes: { is_observer: true } });
    const { status, text, headers } = await introspected(token);
    expect([status, headers.get("cache-control"), headers.get("content-type")]).toEqual([
      200,
      "no-store",
      "application/json",
    ]);
    expect(JSON.parse(text)).toEqual({ active: true, token_type: "Bearer", ...decodeJwt(token) });
  });

  test("is inactive at the other within a second of the answer that its caller revoked it, and stays so", async () => {
    const { token } = await mint({});
    expect(await isActive(token)).toBe(true);
    expect(await revoked(token, "planner")).toMatchObject({ status: 200, text: "{}" });
    // This replica knows it at once.
    expect(await isActive(token, first)).toBe(false);
    await pause(1_000);
    expect(await isActive(token)).toBe(false);
    expect(await introspected(token)).toMatchObject({ status: 200, text: INACTIVE });
    const { jti } = decodeJwt(token);
    const line = () => first.events("token_revoked").find((one) => one["jti"] === jti);
    await expect.poll(line, { timeout: 10_000 }).toMatchObject({ caller: "planner", tokens: 1, agents: 1 });
  });

  test("is stopped with everything under it, and with nothing else", async () => {
    const parent = await mint({ run: "r-1" });
    const child = await mint({ parent: parent.token, sender: "agent://b" });
    const grandchild = await mint({ parent: child.token, sender: "agent://c" });
    const beside = await mint({ run: "r-1" });
    expect((await revoked(parent.token, "planner")).status).toBe(200);
    await pause(1_000);
    const all = [parent, child, grandchild, beside].map(({ token }) => isActive(token));
    expect(await Promise.all(all)).toEqual([false, false, false, true]);
    const more = await postTokens(
      first.port,
      { sender: "agent://d", parent: grandchild.token },
      bearer(secrets.planner.secret),
    );
    expect([more.status, more.text]).toEqual([
      400,
      '{"error":"parent must be a live token of this service"}',
    ]);
  });

  test("may be revoked twice, which is once", async () => {
    const { token, token_id } = await mint({});
    for (let times = 0; times < 2; times += 1)
      expect(await revoked(token, "planner")).toMatchObject({ status: 200, text: "{}" });
    // Lines are written in their order: those of the two are there when the next one is.
    const next = await mint({});
    await revoked(next.token, "planner");
    const idsOf = () => first.events("token_revoked").map(({ jti }) => jti);
    await expect.poll(idsOf, { timeout: 10_000 }).toContain(next.token_id);
    expect(idsOf().filter((jti) => jti === token_id)).toHaveLength(1);
  });
});

describe("who may", () => {
  test("a caller does not stop the token of another, which stays live; one whose entry lists the sender does", async () => {
    const [own, prod] = [await mint({}), await mint({ sender: "agent://prod/a" })];
    for (const [token, who] of [
      [own.token, "other"],
      [prod.token, "other"],
      [own.token, "incident"],
    ] as const) {
      const { status, text } = await revoked(token, who);
      expect([status, JSON.parse(text)]).toEqual([
        403,
        { error: "unauthorized_client", error_description: "this caller may not stop this token" },
      ]);
    }
    expect(await isActive(own.token, first)).toBe(true);
    expect((await revoked(prod.token, "incident")).status).toBe(200);
    expect(await isActive(prod.token, first)).toBe(false);
  });

  test("a caller without audiences asks about no token", async () => {
    const { token } = await mint({});
    const { status, text } = await introspected(token, "planner");
    expect([status, JSON.parse(text)]).toEqual([
      403,
      { error: "unauthorized_client", error_description: "this caller may not ask about tokens" },
    ]);
  });

  test.each(["introspect", "revoke"] as const)(
    "a stranger gets the same 401 for every reason, as an OAuth client reads it: %s",
    async (operation) => {
      const { token } = await mint({});
      const body = `token=${token}`;
      const answers = [
        await form(first, operation, body),
        await form(first, operation, body, bearer("wrong")),
        await form(first, operation, body, bearer(token)),
        await form(first, operation, body, { authorization: "Basic Z3VhcmQ6eA==" }),
      ];
      for (const { status, text, headers } of answers) {
        expect([status, headers.get("www-authenticate"), headers.get("cache-control")]).toEqual([
          401,
          "Bearer",
          "no-store",
        ]);
        expect(JSON.parse(text)).toEqual({
          error: "invalid_client",
          error_description: "a valid credential is required",
        });
      }
      expect(await isActive(token, first)).toBe(true);
    },
  );
});

test("whatever is no live token for the caller gets the same bytes", async () => {
  const expired = await mint({ ttl_seconds: 1 });
  const elsewhere = await mint({ audience: "another-runtime" });
  const [{ token }, { token: stopped }] = [await mint({}), await mint({})];
  await revoked(stopped, "planner", second);
  const stranger = await foreignSigner();
  const claims = decodeJwt(token);
  const ofStranger = await signedText(stranger, JSON.stringify(claims), { typ: "JWT" });
  const symmetric = await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .sign(Buffer.from("secret".repeat(8)));
  await pause(1_100);
  const texts = [expired.token, elsewhere.token, stopped, ofStranger, symmetric, `${token}x`, "x", "a.b.c"];
  const answers = await Promise.all(texts.map((text) => introspected(text)));
  expect(answers.map(({ status, text }) => `${String(status)} ${text}`)).toEqual(
    texts.map(() => `200 ${INACTIVE}`),
  );
  const headers = answers.map(({ headers: all }) =>
    [...all].filter(([name]) => name !== "x-request-id" && name !== "date"),
  );
  expect(new Set(headers.map((one) => JSON.stringify(one))).size).toBe(1);
  // The audience decides: the other caller sees the one and not the other.
  expect((await introspected(elsewhere.token, "elsewhere")).text).toContain('"active":true');
  expect((await introspected(token, "elsewhere")).text).toBe(INACTIVE);
  // What is no live token needs no revocation either (RFC 7009 section 2.2).
  for (const text of [expired.token, ofStranger, symmetric, "x"])
    expect(await revoked(text, "other")).toMatchObject({ status: 200, text: "{}" });
});

test.each<[string, string, number, string]>([
  ["no token", "token_type_hint=access_token", 400, "token is required"],
  ["an empty token", "token=", 400, "token is required"],
  [
    "a token twice",
    "token=a&token=b",
    400,
    "invalid form body: send each parameter once, percent-encoded as UTF-8",
  ],
  [
    "a hint twice",
    "token=a&token_type_hint=x&token_type_hint=y",
    400,
    "invalid form body: send each parameter once, percent-encoded as UTF-8",
  ],
  ["a token that is too long", `token=${"a".repeat(16_385)}`, 400, "a parameter is longer than it may be"],
  [
    "a hint that is too long",
    `token=a&token_type_hint=${"a".repeat(65)}`,
    400,
    "a parameter is longer than it may be",
  ],
  [
    "a broken escape",
    "token=%zz",
    400,
    "invalid form body: send each parameter once, percent-encoded as UTF-8",
  ],
  ["another client", "token=a&client_id=guard2", 401, "a valid credential is required"],
  [
    "a second credential",
    "token=a&client_secret=x",
    400,
    "send one credential: one Authorization header, and none in the body",
  ],
])(
  "a form with %s is rejected by both operations, and never read as something else",
  async (_, body, status, text) => {
    for (const operation of ["introspect", "revoke"] as const) {
      const answer = await form(first, operation, body, bearer(secrets.guard.secret));
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        status,
        { error: status === 401 ? "invalid_client" : "invalid_request", error_description: text },
      ]);
    }
  },
);

test("a body that is no form is rejected, and a hint and unknown parameters change nothing", async () => {
  const { token } = await mint({});
  const guard = bearer(secrets.guard.secret);
  const json = await form(first, "introspect", JSON.stringify({ token }), {
    ...guard,
    "content-type": "application/json",
  });
  expect([json.status, (JSON.parse(json.text) as { error: string }).error]).toEqual([400, "invalid_request"]);
  for (const more of ["token_type_hint=refresh_token", "token_type_hint=", "x=1", "client_id=guard"])
    expect((await form(first, "introspect", `token=${token}&${more}`, guard)).text).toContain(
      '"active":true',
    );
});

describe("a token under another one", () => {
  test("has no more rights, no longer life and the same run, and the answer names what it did not get", async () => {
    const scopes = {
      allowed_modes: ["plan", "vote"],
      can_start_sessions: false,
      tier: "gold",
      max_open_sessions: 2,
    };
    const parent = await mint({ run: "r-2", ttl_seconds: 60, scopes });
    const child = await mint({
      parent: parent.token,
      ttl_seconds: 3_600,
      scopes: {
        allowed_modes: ["vote", "rule"],
        is_observer: true,
        tier: "gold",
        own: 1,
        max_open_sessions: 9,
      },
    });
    expect(decodeJwt(child.token)["macp_scopes"]).toEqual({
      tier: "gold",
      can_start_sessions: false,
      can_manage_mode_registry: false,
      is_observer: false,
      allowed_modes: ["vote"],
      max_open_sessions: 2,
    });
    expect(child.expires_at).toBe(parent.expires_at);
    expect(child.warnings).toEqual(
      expect.arrayContaining([
        "scopes.is_observer is less than requested: the parent has no more",
        "scopes.allowed_modes is less than requested: the parent has no more",
        "scopes.max_open_sessions is less than requested: the parent has no more",
      ]),
    );
  });

  test("is rejected with another run, for another audience, and below eight others", async () => {
    const parent = await mint({ run: "r-3" });
    const asked = async (body: object) =>
      postTokens(first.port, { sender: "agent://a", ...body }, bearer(secrets.planner.secret));
    const texts = async (...bodies: readonly object[]) =>
      (await Promise.all(bodies.map(asked))).map(({ status, text }) => [
        status,
        (JSON.parse(text) as { error: string }).error,
      ]);
    expect(
      await texts(
        { parent: parent.token, run: "r-4" },
        { parent: parent.token, audience: "another-runtime" },
        { parent: 7 },
        { parent: "" },
        { parent: "x" },
        { run: "" },
        { run: "x".repeat(129) },
        { run: "\ud800" },
        { run: 7 },
      ),
    ).toEqual([
      [400, "run must be that of the parent, or be left out"],
      [400, "the parent is for another audience"],
      [400, "parent must be a live token of this service"],
      [400, "parent must be a live token of this service"],
      [400, "parent must be a live token of this service"],
      [400, "run must be a text of 1 to 128 characters"],
      [400, "run must be a text of 1 to 128 characters"],
      [400, "run must be a text of 1 to 128 characters"],
      [400, "run must be a text of 1 to 128 characters"],
    ]);
    let deepest = parent;
    for (let depth = 1; depth <= 8; depth += 1) deepest = await mint({ parent: deepest.token, run: "r-3" });
    expect(await texts({ parent: deepest.token })).toEqual([
      [400, "the parent has 8 tokens above it already"],
    ]);
  });
});

test("where nothing is recorded the paths are unknown, and run and parent are ignored, as upstream ignores them", async () => {
  await withService({ MACP_AUTH_SIGNING_ALG: "ES256" }, async ({ port }) => {
    for (const path of ["/oauth/introspect", "/oauth/revoke"])
      for (const method of ["POST", "OPTIONS", "GET"])
        expect(await ask(port, { method, path })).toMatchObject({
          status: 404,
          text: '{"error":"not found"}',
        });
    expect((await postTokens(port, { sender: "a", run: 7, parent: ["x"] })).status).toBe(200);
  });
});
