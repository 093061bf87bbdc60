import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { type Guarded, settled, startGuarded } from "../guard/guarded.ts";
import { CAP_MS, type GuardNginx, hasNginx, nginxFront } from "../guard/nginx.ts";
import { httpUrlOf } from "./doors/doors.ts";
import { eventStream, httpClient } from "./doors/http-client.ts";
import { type RuntimeClient, runtimeClient } from "./doors/runtime-client.ts";
import { type RunningRuntime, startRuntime } from "./doors/runtime-process.ts";
import { DECISION, PARTICIPANT, sessionStart } from "./doors/session-start.ts";

const BOUND_MS = 1_000;
const OK = ["OK", "OK"];
const UNAUTHENTICATED = ["UNAUTHENTICATED", "UNAUTHENTICATED"];

type Behind = RunningRuntime & { readonly httpUrl: string };

let guarded: Guarded<Behind, GuardNginx>;
let grpc: RuntimeClient;
let http: RuntimeClient;

const isPossible = hasNginx() && inject("runtime").hasHttp;
const testGuarded = test.skipIf(!isPossible);

beforeAll(async () => {
  if (!isPossible) return;
  guarded = await startGuarded(nginxFront, async (jwksUrl) => {
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

testGuarded("behind the guard an agent works as before, at both doors", async () => {
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
  "a token that the runtime would accept until it expires is rejected a second after it is revoked",
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
    console.log(`guard\n  last acceptance of the revoked token, ms after the answer: ${accepted.toFixed(0)}`);
    expect(accepted).toBeLessThanOrEqual(BOUND_MS);
    expect(await verdicts(token)).toEqual(UNAUTHENTICATED);
    // The runtime itself has no way to know.
    const direct = runtimeClient(guarded.runtime.address);
    expect(await direct.verdict(token)).toBe("OK");
    direct.close();
  },
);

testGuarded("a gRPC client sees the status of each rejection, and nothing is UNKNOWN", async () => {
  const { token } = await guarded.mint({ scopes: { can_start_sessions: false } });
  for (const bad of [undefined, "x", `${token.slice(0, -8)}AAAAAAAA`])
    expect([bad, await verdicts(bad)]).toEqual([bad, UNAUTHENTICATED]);
  for (const method of ["Initialize", "ListModes", "Send"])
    expect([method, (await grpc.call(method, undefined)).status]).toEqual([method, "UNAUTHENTICATED"]);
  const query = "macp_guard/check?can_start_sessions=true;";
  const { address } = await guarded.another([["macp_guard/check;", query]]);
  const strict = runtimeClient(address);
  expect(await settled(() => strict.verdict(token))).toBe("PERMISSION_DENIED");
  strict.close();
});

testGuarded("a token of 12 KiB passes the runtime's limit of headers", async () => {
  const allowed_modes = Array.from({ length: 490 }, (_, index) => `mode.${String(index)}.v1`);
  const { token } = await guarded.mint({ scopes: { allowed_modes } });
  expect(token.length).toBeGreaterThan(9_000);
  expect(await verdicts(token)).toEqual(OK);
});

testGuarded(
  "an open stream ends at the cap; one over HTTP/JSON goes on after its last event, with a live token only",
  async () => {
    const { token, token_id } = await guarded.mint({ sender: PARTICIPANT });
    const initiator = await guarded.mint({ sender: "agent://zero" });
    const session_id = crypto.randomUUID();
    expect(await grpc.send(initiator.token, sessionStart(session_id))).toBe("ok");
    const request = { subscribe_session_id: session_id };
    const sse = (text: string, more: object = {}) =>
      eventStream(
        guarded.proxy.httpUrl,
        "StreamSession",
        { authorization: `Bearer ${text}`, ...more },
        request,
      );
    const events = sse(token);
    const watch = grpc.watchSessions(token);
    expect([await events.opened, await watch.opened]).toEqual(OK);
    await expect.poll(() => events.events.length, { timeout: 10_000 }).toBeGreaterThan(0);
    const last = events.events.at(-1)?.id;
    await guarded.revoke({ jti: token_id });
    await pause(BOUND_MS);
    expect([events.ended(), watch.ended()]).toEqual([undefined, undefined]);

    const reloaded = performance.now();
    guarded.proxy.reload();
    await expect
      .poll(() => [events.ended(), watch.ended()], { timeout: 30_000, interval: 50 })
      .not.toContain(undefined);
    console.log(
      `guard\n  open streams ended, ms after the reload: ${(performance.now() - reloaded).toFixed(0)}; the cap: ${String(CAP_MS)}`,
    );
    expect(watch.ended()).toBe("UNAVAILABLE");
    expect(await sse(token, { "last-event-id": last }).opened).toBe("UNAUTHENTICATED");
    const fresh = (await guarded.mint({ sender: PARTICIPANT })).token;
    const resumed = sse(fresh, { "last-event-id": last });
    expect(await resumed.opened).toBe("OK");
    const proposal = { proposal_id: "p", option: "an option", rationale: "a reason" };
    const envelope = { message_type: "Proposal", mode: DECISION, session_id, payload: proposal };
    expect(await http.send(fresh, envelope)).toBe("ok");
    const ids = () => resumed.events.map(({ id }) => Number(id));
    await expect.poll(ids, { timeout: 10_000 }).toEqual([Number(last) + 1]);
    resumed.close();
  },
);

testGuarded("while the guard is frozen, and when it is gone, every call is rejected", async () => {
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
