import { type AddressInfo, connect } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CheckAsked, Checked } from "../../guard/check.ts";
import { systemTimers } from "../../kernel/timers.ts";
import { claimsWith, kidOf } from "../../testing/forged.ts";
import { countingRandom } from "../../testing/mint-deps.ts";
import type { Listener } from "../listener.ts";
import { guardServer } from "./guard-server.ts";

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

let outcome: Checked | Error;
let asked: CheckAsked[];
let noted: string[];
let listener: Listener;

beforeEach(async () => {
  outcome = { kind: "allowed", token };
  [asked, noted] = [[], []];
  listener = guardServer({
    check: (request) => {
      asked.push(request);
      return outcome instanceof Error ? Promise.reject(outcome) : Promise.resolve(outcome);
    },
    misconfigured: (member) => noted.push(`misconfigured: ${member}`),
    meter: { checked: (door, result) => noted.push(`${door} ${result}`) },
    log: pino({ level: "silent" }),
    random: countingRandom(),
    timers: systemTimers,
    keepAliveSeconds: 65,
  });
  await new Promise<void>((resolve) => listener.server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  listener.server.close();
  listener.server.closeAllConnections();
});

const portOf = (): number => (listener.server.address() as AddressInfo).port;
const ask = (target = "/check", init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${String(portOf())}${target}`, init);

/** The status of the answer to these lines. */
function statusOf(...lines: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(portOf(), "127.0.0.1", () => {
      socket.write([...lines, "Host: guard", "Connection: close", "", ""].join("\r\n"));
    });
    let text = "";
    socket.on("data", (data) => {
      text += data.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => {
      resolve(Number(text.split(" ")[1]));
    });
  });
}

test("says of an allowed request whose it is, in headers that no cache may keep, and nothing else", async () => {
  const answer = await ask("/check", { headers: { authorization: "Bearer t.t.t" } });
  expect([answer.status, await answer.text()]).toEqual([200, ""]);
  expect(Object.fromEntries([...answer.headers].filter(([name]) => /^x-auth|^cache/.test(name)))).toEqual({
    "x-auth-subject": "agent://%C3%A9",
    "x-auth-token-id": "AAAAAAAAAAAAAAAAAAAAAA",
    "x-auth-scopes": '{"is_observer":true}',
    "x-auth-expires": "1700000000",
    "cache-control": "no-store",
  });
  expect(noted).toEqual(["http allowed"]);
});

const UNAUTHENTICATED = ["Bearer", "UNAUTHENTICATED"] as const;
const FORBIDDEN = ['Bearer error="insufficient_scope"', "FORBIDDEN"] as const;

test.each<[Checked, number, readonly [string | null, string | null], string]>([
  [
    { kind: "unauthenticated", reason: "no_token", why: "credential_missing" },
    401,
    UNAUTHENTICATED,
    "credential_missing",
  ],
  [{ kind: "unauthenticated", reason: "token_rejected", why: "revoked" }, 401, UNAUTHENTICATED, "revoked"],
  [{ kind: "forbidden", reason: "scope", token }, 403, FORBIDDEN, "scope"],
  [{ kind: "forbidden", reason: "audience", token }, 403, FORBIDDEN, "audience"],
  [{ kind: "unavailable", reason: "revocations_stale" }, 503, [null, null], "revocations_stale"],
  [{ kind: "unavailable", reason: "no_keys" }, 503, [null, null], "no_keys"],
])(
  "answers %j with %i and the runtime's own code, without an identity and without the reason",
  async (decided, status, [challenge, code], result) => {
    outcome = decided;
    const answer = await ask();
    expect([answer.status, await answer.text()]).toEqual([status, ""]);
    expect(["www-authenticate", "macp-error-code"].map((name) => answer.headers.get(name))).toEqual([
      challenge,
      code,
    ]);
    expect([...answer.headers.keys()].filter((name) => name.startsWith("x-auth"))).toEqual([]);
    expect(noted).toEqual([`http ${result}`]);
  },
);

test("lets nothing pass when the decision itself fails", async () => {
  outcome = new Error("a bug");
  expect((await ask()).status).toBe(500);
});

test("looks at each Authorization header as it came, and at no other", async () => {
  const status = await statusOf(
    "GET /check HTTP/1.1",
    "authorization: Bearer a",
    "Proxy-Authorization: Bearer b",
    "X-Authorization: Bearer c",
    "AUTHORIZATION: bearer d",
  );
  expect([status, asked[0]?.authorization]).toEqual([200, ["Bearer a", "bearer d"]]);
});

test.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY"])(
  "decides about %s like about every other method",
  async (method) => {
    outcome = { kind: "unauthenticated", reason: "no_token", why: "credential_missing" };
    // Node 20 does not know QUERY, and answers 400: that lets nothing pass either.
    expect([400, 401]).toContain(await statusOf(`${method} /check HTTP/1.1`));
  },
);

test("requires what the query says, which the proxy's configuration states", async () => {
  await ask("/check?can_start_sessions=true&mode=macp.mode.decision.v1&mode=");
  await ask("/check");
  expect(asked.map(({ required }) => required)).toEqual([
    { flags: ["can_start_sessions"], modes: ["macp.mode.decision.v1", ""] },
    { flags: [], modes: [] },
  ]);
});

test.each([
  ["/check?can_start_session=true", "can_start_session"],
  ["/check?can_start_sessions=1", "can_start_sessions"],
  ["/check?mode=a&other=b", "other"],
])("lets nothing pass for %s, whose author must fix it", async (target, member) => {
  expect((await ask(target)).status).toBe(403);
  expect([asked, noted]).toEqual([[], [`misconfigured: ${member}`, "http misconfigured"]]);
});

test("asks for nothing under another path, and says that the process answers", async () => {
  expect([(await ask("/")).status, (await ask("/check/x")).status, (await ask("//check")).status]).toEqual([
    404, 404, 404,
  ]);
  expect([(await ask("/healthz")).status, (await ask("/tokens", { method: "POST" })).status]).toEqual([
    200, 404,
  ]);
  expect(asked).toEqual([]);
});

test("answers a request whose body never comes", async () => {
  expect(await statusOf("POST /check HTTP/1.1", "Content-Length: 1000000")).toBe(200);
});
