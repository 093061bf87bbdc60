import { readFile } from "node:fs/promises";
import { Client, credentials, Metadata, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { envoyFront, type GuardEnvoy, hasEnvoy } from "../guard/envoy.ts";
import { type Guarded, settled, startGuarded } from "../guard/guarded.ts";
import { ask } from "../support/raw-http.ts";
import { httpUrlOf } from "./doors/doors.ts";
import { eventStream, httpClient } from "./doors/http-client.ts";
import { type RuntimeClient, runtimeClient } from "./doors/runtime-client.ts";
import { type RunningRuntime, startRuntime } from "./doors/runtime-process.ts";
import { DECISION, PARTICIPANT, sessionStart } from "./doors/session-start.ts";

// deploy/examples/guard-envoy: a real Envoy that asks the guard by gRPC, in front of the real runtime.

const BOUND_MS = 1_000;
const CAP_MS = 2_000;
const OK = ["OK", "OK"];
const UNAUTHENTICATED = ["UNAUTHENTICATED", "UNAUTHENTICATED"];
/** Where the configuration names its only virtual host. */
const HOST = '                      domains: ["*"]\n';
const LIST = "/macp.v1.MACPRuntimeService/ListSessions";

type Behind = RunningRuntime & { readonly httpUrl: string };

let guarded: Guarded<Behind, GuardEnvoy>;
let grpc: RuntimeClient;
let http: RuntimeClient;

const isPossible = hasEnvoy() && inject("runtime").hasHttp;
const testGuarded = test.skipIf(!isPossible);

beforeAll(async () => {
  if (!isPossible) return;
  guarded = await startGuarded(envoyFront, async (jwksUrl) => {
    const runtime = await startRuntime({ jwksUrl, jwksTtlSeconds: 1 });
    return { ...runtime, httpUrl: httpUrlOf(runtime) };
  });
  [grpc, http] = [runtimeClient(guarded.proxy.address), httpClient(guarded.proxy.httpUrl)];
});
afterAll(async () => {
  if (!isPossible) return;
  grpc.close();
  http.close();
  await guarded.stop();
});

const verdicts = (token: string | undefined) =>
  Promise.all([grpc, http].map((door) => settled(() => door.verdict(token))));

testGuarded("behind Envoy an agent works as before, at both doors", async () => {
  const { token } = await guarded.mint({ sender: "agent://zero" });
  expect(await verdicts(token)).toEqual(OK);
  for (const door of [grpc, http]) {
    const watch = door.watchSessions(token);
    expect(await watch.opened).toBe("OK");
    const session_id = crypto.randomUUID();
    expect(await door.send(token, sessionStart(session_id))).toBe("ok");
    await expect.poll(watch.ids, { timeout: 10_000 }).toContain(session_id);
    watch.close();
  }
});

testGuarded(
  "a token that the runtime would accept until it expires is rejected by Envoy a second after it is revoked",
  async () => {
    const { token, token_id } = await guarded.mint();
    expect(await verdicts(token)).toEqual(OK);
    await guarded.revoke({ jti: token_id });
    const answered = performance.now();
    let accepted = 0;
    for (;;) {
      const ms = performance.now() - answered;
      const seen = await Promise.all([grpc, http].map((door) => door.verdict(token)));
      if (seen.includes("OK")) accepted = ms;
      if (ms > 2 * BOUND_MS) break;
    }
    console.log(`Envoy\n  last acceptance of the revoked token, ms after the answer: ${accepted.toFixed(0)}`);
    expect(accepted).toBeLessThanOrEqual(BOUND_MS);
    expect(await verdicts(token)).toEqual(UNAUTHENTICATED);
    // The runtime itself has no way to know.
    const direct = runtimeClient(guarded.runtime.address);
    expect(await direct.verdict(token)).toBe("OK");
    direct.close();
  },
);

testGuarded("behind Envoy a gRPC client sees 16 and 7, and nothing is UNKNOWN", async () => {
  const { token } = await guarded.mint({ scopes: { can_start_sessions: false } });
  for (const bad of [undefined, "x", `${token.slice(0, -8)}AAAAAAAA`])
    expect([bad, await verdicts(bad)]).toEqual([bad, UNAUTHENTICATED]);
  for (const method of ["Initialize", "ListModes", "Send"])
    expect([method, (await grpc.call(method, undefined)).status]).toEqual([method, "UNAUTHENTICATED"]);
  for (const method of ["WatchSessions", "StreamSession"])
    expect([method, await grpc.stream(method, "x").opened]).toEqual([method, "UNAUTHENTICATED"]);
  const { address, httpUrl } = await guarded.another([[HOST, `${HOST}${await requiredByReadme()}`]]);
  const strict = [runtimeClient(address), httpClient(httpUrl)];
  const seen = () => Promise.all(strict.map((door) => settled(() => door.verdict(token))));
  expect(await seen()).toEqual(["PERMISSION_DENIED", "PERMISSION_DENIED"]);
  for (const door of strict) door.close();
});

testGuarded("behind Envoy no header of a client makes a call another's, or one without a token", async () => {
  const live = await guarded.mint({ sender: "agent://zero" });
  const revoked = await guarded.mint({ sender: "agent://revoked" });
  await guarded.revoke({ jti: revoked.token_id });
  await expect.poll(() => grpc.verdict(revoked.token), { timeout: 30_000 }).toBe("UNAUTHENTICATED");
  const good = `Bearer ${live.token}`;
  const bad = `Bearer ${revoked.token}`;
  const lies = {
    "x-auth-subject": "agent://zero",
    "x-macp-token": live.token,
    "x-macp-agent-id": "agent://zero",
  };
  const cases: readonly (readonly [object, boolean])[] = [
    [{ authorization: good, ...lies }, true],
    [{ authorization: good, "x-macp-token": revoked.token, "x-auth-subject": "agent://revoked" }, true],
    [{ authorization: bad, ...lies }, false],
    [{ ...lies, "x-authorization": good, "proxy-authorization": good }, false],
    [{ authorization: [good, bad], ...lies }, false],
    [{ authorization: [bad, good], ...lies }, false],
    [{ authorization: `${bad}, ${good}`, ...lies }, false],
  ];
  for (const [headers, passes] of cases) {
    const seen = [await grpcStatus(headers), await settled(() => httpStatus(headers))];
    const rejected = (one: string) => ["UNAUTHENTICATED", "INTERNAL", "HTTP 400"].includes(one);
    expect([headers, seen.map((one) => (rejected(one) ? "rejected" : one))]).toEqual([
      headers,
      passes ? OK : ["rejected", "rejected"],
    ]);
  }
});

testGuarded("behind Envoy a token of 12 KiB passes the runtime's limit of headers", async () => {
  const allowed_modes = Array.from({ length: 490 }, (_, index) => `mode.${String(index)}.v1`);
  const { token } = await guarded.mint({ scopes: { allowed_modes } });
  expect(token.length).toBeGreaterThan(9_000);
  expect(await verdicts(token)).toEqual(OK);
});

testGuarded(
  "Envoy ends every open stream at the cap, also one that its client keeps open; server-sent events go on with a live token only",
  async () => {
    const capped = await guarded.another([
      ["max_stream_duration: 300s", `max_stream_duration: ${String(CAP_MS / 1_000)}s`],
    ]);
    const client = runtimeClient(capped.address);
    const { token, token_id } = await guarded.mint({ sender: PARTICIPANT });
    const initiator = await guarded.mint({ sender: "agent://zero" });
    const session_id = crypto.randomUUID();
    const request = { subscribe_session_id: session_id };
    expect(await settled(() => grpc.send(initiator.token, sessionStart(session_id)))).toBe("ok");
    await verdicts(token);
    const sse = (text: string, more: object = {}) =>
      eventStream(capped.httpUrl, "StreamSession", { authorization: `Bearer ${text}`, ...more }, request);
    const began = performance.now();
    const events = sse(token);
    const open = [
      events,
      client.stream("WatchSessions", token),
      client.stream("StreamSession", token, request),
    ];
    for (const stream of open) expect(await stream.opened).toBe("OK");
    await expect.poll(() => events.events.length, { timeout: 10_000 }).toBeGreaterThan(0);
    const last = events.events.at(-1)?.id;
    await guarded.revoke({ jti: token_id });
    const ends = () => open.map((stream) => stream.ended());
    await expect.poll(ends, { timeout: 30_000, interval: 50 }).not.toContain(undefined);
    console.log(
      `Envoy\n  open streams ended, ms after they began: ${(performance.now() - began).toFixed(0)}; the cap: ${String(CAP_MS)}`,
    );
    // Not by the revocation: a stream that is open is not cut before its cap.
    expect(performance.now() - began).toBeGreaterThan(CAP_MS - 100);
    expect(ends().slice(1)).toEqual(["INTERNAL", "INTERNAL"]);
    expect(await sse(token, { "last-event-id": last }).opened).toBe("UNAUTHENTICATED");
    const fresh = (await guarded.mint({ sender: PARTICIPANT })).token;
    await verdicts(fresh);
    const proposal = { proposal_id: "p", option: "an option", rationale: "a reason" };
    const envelope = { message_type: "Proposal", mode: DECISION, session_id, payload: proposal };
    expect(await settled(() => http.send(fresh, envelope))).toBe("ok");
    const resumed = sse(fresh, { "last-event-id": last });
    const ids = () => resumed.events.map(({ id }) => Number(id));
    await expect.poll(ids, { timeout: 10_000 }).toEqual([Number(last) + 1]);
    resumed.close();
    client.close();
  },
);

testGuarded("while Envoy's guard is frozen, and when it is gone, every call is rejected", async () => {
  const { token } = await guarded.mint();
  const [replica] = guarded.replicas;
  const both = () => Promise.all([grpc, http].map((door) => door.verdict(token)));
  expect(await verdicts(token)).toEqual(OK);
  replica?.signal("SIGSTOP");
  const frozen = await both();
  replica?.signal("SIGCONT");
  expect(frozen).toEqual(["UNAVAILABLE", "HTTP 503"]);
  expect(await verdicts(token)).toEqual(OK);
  await replica?.stop("SIGKILL");
  expect(await both()).toEqual(["UNAVAILABLE", "HTTP 503"]);
});

/** What the README says to write where scopes are required, here for all routes. */
async function requiredByReadme(): Promise<string> {
  const text = await readFile(
    new URL("../../deploy/examples/guard-envoy/README.md", import.meta.url),
    "utf8",
  );
  const block = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  return block.replaceAll(/^(?=.)/gm, " ".repeat(22));
}

/** The result of `ListSessions` over gRPC with these headers, each value apart. */
function grpcStatus(headers: object): Promise<string> {
  const metadata = new Metadata();
  for (const [name, values] of Object.entries(headers))
    for (const value of [values].flat() as readonly string[]) metadata.add(name, value);
  const client = new Client(guarded.proxy.address, credentials.createInsecure());
  const bytes = (value: Buffer) => value;
  const once = () =>
    new Promise<string>((resolve) => {
      client.makeUnaryRequest(LIST, bytes, bytes, Buffer.alloc(0), metadata, (fault) => {
        resolve(fault === null ? "OK" : status[fault.code]);
      });
    });
  return settled(once).finally(() => client.close());
}

/** The same over HTTP/JSON. */
async function httpStatus(headers: object): Promise<string> {
  const { port } = new URL(guarded.proxy.httpUrl);
  const answer = await ask(Number(port), {
    method: "POST",
    path: "/macp/v1/ListSessions",
    headers: { "content-type": "application/json", ...headers },
    body: "{}",
  });
  if (answer.status === 200) return "OK";
  return answer.status === 401 ? "UNAUTHENTICATED" : `HTTP ${String(answer.status)}`;
}
