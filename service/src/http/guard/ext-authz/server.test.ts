import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CheckAsked, Checked } from "../../../guard/check.ts";
import { systemTimers } from "../../../kernel/timers.ts";
import { claimsWith, kidOf } from "../../../testing/forged.ts";
import { authorizationService, type CheckRequest, type CheckResponse } from "./messages.ts";
import { type ExtAuthzServer, extAuthzServer, GRPC_CONNECTIONS_MAX } from "./server.ts";

const token = {
  claims: claimsWith({
    macp_scopes: { is_observer: true },
    sub: "agent://é",
    iss: "i",
    aud: "macp-runtime",
    iat: 1,
    exp: 1_700_000_000,
    jti: "AAAAAAAAAAAAAAAAAAAAAA",
  }),
  kid: kidOf("k"),
};
const { Check } = authorizationService();

let outcome: Checked | Error;
let asked: CheckAsked[];
let noted: string[];
let server: ExtAuthzServer;
let client: Client;
let port: number;

beforeEach(async () => {
  outcome = { kind: "allowed", token };
  [asked, noted] = [[], []];
  server = extAuthzServer({
    check: (request) => {
      asked.push(request);
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
    misconfigured: (member) => noted.push(`misconfigured: ${member}`),
    meter: { checked: (door, result) => noted.push(`${door} ${result}`) },
    log: pino({ level: "silent" }),
    timers: systemTimers,
  });
  port = await server.listen({ host: "127.0.0.1", port: 0 });
  client = new Client(`127.0.0.1:${String(port)}`, credentials.createInsecure());
});
afterEach(async () => {
  client.close();
  await server.close();
});

/** Calls as Envoy does, with this request. */
function call(attributes: object | undefined): Promise<CheckResponse> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      "/envoy.service.auth.v3.Authorization/Check",
      // Envoy leaves out what it has not got.
      (request: { readonly attributes: object | undefined }) =>
        Check.requestSerialize(request as CheckRequest),
      Check.responseDeserialize,
      { attributes },
      (fault: ServiceError | null, response?: CheckResponse) => {
        if (response === undefined) reject(fault ?? new Error("no answer"));
        else resolve(response);
      },
    );
  });
}

/** The same about a request with these headers, as Envoy gives them unless it is configured otherwise. */
const ask = (headers: object = {}, contextExtensions: object = {}) =>
  call({ request: { http: { headers } }, contextExtensions });
const raw = (...headers: readonly (readonly [string, string])[]) => ({
  request: {
    http: { headerMap: { headers: headers.map(([key, value]) => ({ key, rawValue: Buffer.from(value) })) } },
  },
});
const headersOf = ({ okResponse, deniedResponse }: CheckResponse) =>
  Object.fromEntries(
    (okResponse ?? deniedResponse)?.headers.map(({ header: { key, value } }) => [key, value]) ?? [],
  );

test("an allowed request gets its identity in headers that take the place of any that the client sent", async () => {
  const answer = await ask({ authorization: "Bearer t.t.t", "x-auth-subject": "root" });
  expect(answer.status.code).toBe(status.OK);
  expect(answer.deniedResponse).toBeNull();
  expect(headersOf(answer)).toEqual({
    "x-auth-subject": "agent://%C3%A9",
    "x-auth-token-id": "AAAAAAAAAAAAAAAAAAAAAA",
    "x-auth-scopes": '{"is_observer":true}',
    "x-auth-expires": "1700000000",
  });
  expect(new Set(answer.okResponse?.headers.map(({ appendAction }) => appendAction))).toEqual(new Set([2]));
  expect(asked).toEqual([{ authorization: ["Bearer t.t.t"], required: { flags: [], modes: [] } }]);
  expect(noted).toEqual(["grpc allowed"]);
});

test("what a client says of its identity is removed: other x-auth headers, and other signs in place of dashes", async () => {
  const claimed = {
    "x-auth-roles": "admin",
    x_auth_subject: "root",
    "x_auth-subject": "root",
    "x-auth_subject": "root",
    "X-Auth-Admin": "1",
    "x-auth-subject": "root",
    "x.auth.subject": "root",
    "x-auth~token-id": "root",
    "x-author": "kept",
    authorization: "Bearer t.t.t",
  };
  const removed = [
    "x-auth-roles",
    "x_auth_subject",
    "x_auth-subject",
    "x-auth_subject",
    "x-auth-admin",
    "x.auth.subject",
    "x-auth~token-id",
  ];
  expect((await ask(claimed)).okResponse?.headersToRemove).toEqual(removed);
  const answer = await call(raw(...Object.entries(claimed), ["x-auth-roles", "again"]));
  expect(answer.okResponse?.headersToRemove).toEqual(removed);
});

const UNAUTHENTICATED = { "www-authenticate": "Bearer", "macp-error-code": "UNAUTHENTICATED" };
const FORBIDDEN = {
  "www-authenticate": 'Bearer error="insufficient_scope"',
  "macp-error-code": "FORBIDDEN",
};

test.each<[Checked, number, number, Readonly<Record<string, string>>, string]>([
  [
    { kind: "unauthenticated", reason: "no_token", why: "credential_missing" },
    status.UNAUTHENTICATED,
    401,
    UNAUTHENTICATED,
    "credential_missing",
  ],
  [
    { kind: "unauthenticated", reason: "token_rejected", why: "revoked" },
    status.UNAUTHENTICATED,
    401,
    UNAUTHENTICATED,
    "revoked",
  ],
  [{ kind: "forbidden", reason: "audience", token }, status.PERMISSION_DENIED, 403, FORBIDDEN, "audience"],
  [{ kind: "unavailable", reason: "revocations_stale" }, status.UNAVAILABLE, 503, {}, "revocations_stale"],
])(
  "%j is denied with gRPC status %i and HTTP status %i, without the reason",
  async (decided, grpc, http, own, result) => {
    outcome = decided;
    const answer = await ask({ authorization: "Bearer t.t.t" });
    expect([answer.status.code, answer.deniedResponse?.status.code]).toEqual([grpc, http]);
    expect(headersOf(answer)).toEqual({ "cache-control": "no-store", ...own });
    expect(answer.okResponse).toBeNull();
    expect(JSON.stringify(answer)).not.toContain(result);
    expect(noted).toEqual([`grpc ${result}`]);
  },
);

test.each<[string, object | undefined, readonly string[]]>([
  ["of a request without headers", {}, []],
  ["without attributes", undefined, []],
  [
    "with the header twice, joined by Envoy",
    { request: { http: { headers: { authorization: "Bearer a,Bearer b" } } } },
    ["Bearer a,Bearer b"],
  ],
  [
    "with the header twice, each as it came",
    raw(["authorization", "Bearer a"], ["authorization", "Bearer b"]),
    ["Bearer a", "Bearer b"],
  ],
  [
    "with the header in two letter cases",
    { request: { http: { headers: { authorization: "Bearer a", Authorization: "Bearer b" } } } },
    ["Bearer a", "Bearer b"],
  ],
  [
    "with the header in both forms",
    {
      request: {
        http: {
          headers: { authorization: "Bearer a" },
          headerMap: { headers: [{ key: "authorization", rawValue: Buffer.from("Bearer b") }] },
        },
      },
    },
    ["Bearer a", "Bearer b"],
  ],
  [
    "with a raw header whose value is a text",
    { request: { http: { headerMap: { headers: [{ key: "authorization", value: "Bearer a" }] } } } },
    ["Bearer a"],
  ],
])("a call %s shows the check every credential that there is", async (_what, attributes, authorization) => {
  await call(attributes);
  expect(asked.map((one) => one.authorization)).toEqual([authorization]);
});

test("context_extensions say what is required, and one that is not understood lets nothing pass", async () => {
  await ask({}, { can_start_sessions: "true", mode: "m" });
  expect(asked[0]?.required).toEqual({ flags: ["can_start_sessions"], modes: ["m"] });
  const answer = await ask({}, { can_start_session: "true" });
  expect([answer.status.code, answer.okResponse]).toEqual([status.PERMISSION_DENIED, null]);
  expect(noted).toContain("misconfigured: can_start_session");
  expect(asked).toHaveLength(1);
});

test("a fault is an error of the call and no answer", async () => {
  outcome = new Error("a secret detail");
  await expect(ask()).rejects.toMatchObject({ code: status.INTERNAL, details: "internal error" });
});

test("a call longer than the headers that Envoy accepts is rejected before it is read, and asks nothing", async () => {
  await expect(ask({ "x-long": "a".repeat(131_072) })).rejects.toMatchObject({
    code: status.RESOURCE_EXHAUSTED,
  });
  expect(asked).toEqual([]);
  expect((await ask({ "x-long": "a".repeat(60 * 1_024) })).status.code).toBe(status.OK);
});

test("a connection too many is closed at once, and those that are there go on", async () => {
  expect((await ask()).status.code).toBe(status.OK);
  const sockets: Socket[] = [];
  const opened = async () => {
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    sockets.push(socket);
    await once(socket, "connect");
    return socket;
  };
  while (sockets.length < GRPC_CONNECTIONS_MAX - 1) await opened();
  const last = await opened();
  last.resume();
  await once(last, "close");
  expect(sockets.slice(0, -1).filter(({ closed }) => closed)).toEqual([]);
  expect((await ask()).status.code).toBe(status.OK);
  for (const socket of sockets) socket.destroy();
});
