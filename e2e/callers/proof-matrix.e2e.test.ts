import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_ROUTES } from "../../service/src/http/admin-server.ts";
import { PUBLIC_ROUTES } from "../../service/src/http/public-server.ts";
import { answerText, linesOf, requestText } from "../support/access.ts";
import { ask, postTokens, type WireResponse } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { PROOFS, type Proof, type ProofStates, proofStates, STATES } from "./proof-states.ts";

// Every proof in every state, at every endpoint of both listeners.

const ADMIN_TOKEN = "an-admin-token-of-32-characters!";
/** Tokens are recorded, so that every operation is there. */
const ADMIN = {
  HOST: "127.0.0.1",
  MACP_AUTH_SIGNING_ALG: "ES256",
  MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  MACP_AUTH_ADMIN_PORT: "0",
  MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
  // Nothing is revoked, so nothing is sent there.
  MACP_AUTH_EVENTS_URL: "http://127.0.0.1:9/events",
  MACP_AUTH_STATUS_LISTS: "on",
  MACP_AUTH_PUBLIC_URL: "https://auth.example",
};
let proofs: ProofStates;
let service: RunningService;
let adminPort: number;

beforeAll(async () => {
  proofs = await proofStates();
  const store = `sqlite:${join(dirname(proofs.folder.path), "store.db")}`;
  service = await startService({ ...proofs.folder.env, ...ADMIN, MACP_AUTH_STORE_URL: store });
  adminPort = Number((await service.event("admin_listening"))["port"]);
}, BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await proofs.folder.remove();
});

/** Uses an assertion up. */
async function useUp(token: string): Promise<void> {
  const first = await postTokens(service.port, { sender: "a" }, { authorization: `Bearer ${token}` });
  expect(first.status).toBe(200);
  const jti = (JSON.parse(first.text) as { token_id: string }).token_id;
  await service.event("token_minted", (line) => line["jti"] === jti);
}

describe("the public listener", () => {
  const JSON_BODY = [JSON.stringify({ sender: "agent://planner", scopes: {} }), "application/json"] as const;
  const FORM_BODY = ["token=x", "application/x-www-form-urlencoded"] as const;
  const ENDPOINTS = PUBLIC_ROUTES.map(({ method, path, access }) => ({
    name: `${method} ${path}`,
    // No list has this name.
    admitted: path === "/statuslists/{id}" ? "404" : "200",
    asksForCaller: access === "caller",
    send: (credential: string | undefined) =>
      answerText(
        service.port,
        requestText(
          `${method} ${path}${path === "/guard/feed" ? "?after=-1" : ""}`,
          credential === undefined ? [] : [`authorization: Bearer ${credential}`],
          ...(method === "POST" ? (path.startsWith("/oauth/") ? FORM_BODY : JSON_BODY) : []),
        ),
      ),
  }));
  let rejections = 0;

  test("has these endpoints, of which those about tokens ask for a caller", () => {
    expect(ENDPOINTS.map(({ name, asksForCaller }) => [name, asksForCaller])).toEqual([
      ["POST /tokens", true],
      ["GET /.well-known/jwks.json", false],
      ["GET /healthz", false],
      ["POST /oauth/introspect", true],
      ["POST /oauth/revoke", true],
      ["GET /guard/feed", true],
      ["GET /statuslists/{id}", false],
      ["GET /statuslists", false],
      ["GET /statuslists/jwks.json", false],
      ["GET /events/jwks.json", false],
    ]);
  });

  describe.each(PROOFS)("mints only for a right proof, by %s", (proof) => {
    test.each(STATES)("%s", async (state) => {
      // An assertion is accepted once, so each endpoint gets its own.
      const cells: Awaited<ReturnType<(typeof proofs.cells)[Proof][(typeof STATES)[number]]>>[] = [];
      while (cells.length < ENDPOINTS.length) cells.push(await proofs.cells[proof][state](useUp));
      const minted = service.events("token_minted").length;
      const before = rejections;
      const expected: string[] = [];
      for (const [index, { name, asksForCaller, admitted, send }] of ENDPOINTS.entries()) {
        const cell = cells[index] ?? [];
        if (asksForCaller)
          expected.push("credential_missing", ...(state === "right" ? [] : cell.map(([, reason]) => reason)));
        const anybodys = await send(undefined);
        if (asksForCaller) rejections += 1;
        for (const [credential, reason] of cell) {
          const answer = await send(credential);
          const isAdmitted = state === "right" || !asksForCaller;
          expect([name, reason, answer.slice(9, 12)]).toEqual([name, reason, isAdmitted ? admitted : "401"]);
          // An endpoint that asks for no caller does not look at credentials either.
          if (state !== "right" || !asksForCaller) expect(answer).toBe(anybodys);
          if (!isAdmitted) rejections += 1;
        }
      }
      const reasons = (await linesOf(service, "caller_rejected", rejections)).slice(before);
      expect(reasons.map(({ reason }) => reason)).toEqual(expected);
      const lines = (await linesOf(service, "token_minted", minted + (state === "right" ? 1 : 0))).slice(
        minted,
      );
      expect(lines.map(({ caller, grant }) => [caller, grant])).toEqual(
        state === "right" ? [[proofs.callers[proof], "all"]] : [],
      );
    });
  });
});

describe("the policy", () => {
  test.each(PROOFS)("is asked at each endpoint that mints, by %s", async (proof) => {
    const asking = PUBLIC_ROUTES.filter(({ operationId }) => operationId === "mintToken");
    expect(asking.length).toBeGreaterThan(0);
    for (const { method, path } of asking) {
      const before = service.events("mint_refused").length;
      const answer = await ask(service.port, {
        method,
        path,
        headers: {
          authorization: `Bearer ${await proofs.right(proof, "none")}`,
          "content-type": "application/json",
        },
        body: '{"sender":"agent://planner"}',
      });
      expect([path, answer.status]).toEqual([path, 403]);
      const line = (await linesOf(service, "mint_refused", before + 1)).at(-1);
      expect([path, line?.["decision"]]).toEqual([path, "no_grant"]);
    }
  });
});

describe("the admin listener", () => {
  const UNAUTHORISED = { status: 401, text: '{"error":"a bearer token is required"}' };
  const INSUFFICIENT = { status: 403, text: '{"error":"the role of this caller does not allow this"}' };
  const ENDPOINTS = ADMIN_ROUTES.map(({ method, path, roles }) => ({
    name: `${method} ${path}`,
    roles,
    // No body of an operation on keys is valid here, so that nothing changes.
    send: (credential: string | undefined) =>
      asked(credential, method, path, path.startsWith("/keys/") ? { nothing: 1 } : undefined),
  }));

  /** What a request without parameters is answered with once its caller is known: most about the ledger and events need one. */
  const statusesOf = (name: string): readonly number[] => {
    if (name.startsWith("POST /keys/")) return [400];
    return / [/](ledger|revocations|events)/.test(name) ? [200, 400, 404] : [200];
  };

  async function asked(
    credential: string | undefined,
    method: string,
    path: string,
    body?: object,
  ): Promise<Pick<WireResponse, "status" | "text">> {
    const { status, text } = await ask(adminPort, {
      method,
      path: path.replace("{name}", "ci"),
      headers: {
        ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status, text };
  }

  describe.each(PROOFS)("answers no proof but a right one, by %s", (proof) => {
    test.each(STATES.filter((state) => state !== "right"))("%s", async (state) => {
      const before = service.events("admin_refused").length;
      const cell = await proofs.cells[proof][state](useUp);
      for (const { name, send } of ENDPOINTS)
        for (const [credential] of cell) expect([name, await send(credential)]).toEqual([name, UNAUTHORISED]);
      const expected = ENDPOINTS.flatMap(() => cell.map(([, reason]) => reason));
      const lines = (await linesOf(service, "admin_refused", before + expected.length)).slice(before);
      expect(lines.map(({ cause }) => cause)).toEqual(expected);
    });
  });

  describe.each(PROOFS)("answers a right proof by its role, by %s", (proof) => {
    test.each(["none", "viewer", "operator", "security"] as const)("%s", async (role) => {
      for (const { name, roles, send } of ENDPOINTS) {
        const answer = await send(await proofs.right(proof, role));
        const isOf = (roles as readonly string[]).includes(role);
        if (!isOf) expect([name, answer]).toEqual([name, INSUFFICIENT]);
        else expect([name, statusesOf(name).includes(answer.status)]).toEqual([name, true]);
      }
    });
  });

  test("answers a part of its own token, another text and no proof as it answers a stranger, and the token itself", async () => {
    const wrong = [ADMIN_TOKEN.slice(0, -1), `${ADMIN_TOKEN}x`, ADMIN_TOKEN.toUpperCase(), "x".repeat(32)];
    for (const { name, send } of ENDPOINTS) {
      for (const credential of [undefined, ...wrong])
        expect([name, await send(credential)]).toEqual([name, UNAUTHORISED]);
      expect([name, statusesOf(name)]).toEqual([
        name,
        expect.arrayContaining([(await send(ADMIN_TOKEN)).status]),
      ]);
    }
  });

  test.each(PROOFS)(
    "carries every operation out for a right proof of the right role, by %s",
    async (proof) => {
      const store = `sqlite:${join(dirname(proofs.folder.path), `${proof.replaceAll(" ", "-")}.db`)}`;
      const other = await startService({ ...proofs.folder.env, ...ADMIN, MACP_AUTH_STORE_URL: store });
      const port = Number((await other.event("admin_listening"))["port"]);
      try {
        await everyOperation(port, proof);
      } finally {
        await other.stop("SIGKILL");
      }
    },
  );

  /** Each endpoint once, with what makes it do its work; every one is in the table of routes. */
  async function everyOperation(port: number, proof: Proof): Promise<void> {
    const send = async (method: string, path: string, body?: object) =>
      ask(port, {
        method,
        path: path.replace("{name}", "ci"),
        headers: {
          authorization: `Bearer ${await proofs.right(proof, "security")}`,
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
      });
    const kidOf = async (state: string): Promise<string> => {
      const { keys } = JSON.parse((await send("GET", "/keys")).text) as {
        keys: { kid: string; state: string }[];
      };
      return keys.find((key) => key.state === state)?.kid ?? `no key is ${state}`;
    };
    const accept = ["short-lead"];
    const operations: readonly (readonly [name: string, body: () => object | Promise<object>])[] = [
      ["POST /keys/prepare", () => ({})],
      ["POST /keys/rotate", () => ({ accept })],
      ["POST /keys/activate", () => ({ accept })],
      ["POST /keys/retire", async () => ({ kid: await kidOf("retiring"), accept: ["live-tokens"] })],
      ["POST /keys/taint", async () => ({ kid: await kidOf("standby"), reason: "seen elsewhere" })],
      ["POST /keys/revoke", async () => ({ kid: await kidOf("standby") })],
      ["POST /keys/reseal", () => ({})],
    ];
    const others = ENDPOINTS.map(({ name }) => name).filter((name) => !name.startsWith("POST /keys/"));
    expect([...others, ...operations.map(([name]) => name)].toSorted()).toEqual(
      ENDPOINTS.map(({ name }) => name).toSorted(),
    );
    for (const name of others) {
      const [method = "", path = ""] = name.split(" ");
      expect(statusesOf(name)).toContain((await send(method, path)).status);
    }
    for (const [name, body] of operations) {
      const [method = "", path = ""] = name.split(" ");
      const { status, text } = await send(method, path, await body());
      expect([name, status, text]).toEqual([name, 200, expect.any(String)]);
    }
  }
});
