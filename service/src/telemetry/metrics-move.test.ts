import { expect, test } from "vitest";
import type { KeysFacts } from "../keys/managed/operator-shapes.ts";
import { openMetrics } from "./metrics.ts";

// What no story of minutes reaches; e2e/telemetry/story.e2e.test.ts moves all others in real services.

/** A report of which only these members are read here. */
function report(overdueBy: number, fetches: number, isSlower: boolean): KeysFacts {
  const facts: object = {
    now: 1_000 + overdueBy,
    version: 1,
    keys: [{ alg: "ES256", kid: "k", state: "signing", signs: true, signing_from: 0, next: { at: 1_000 } }],
    verifiers: [{ up_to_date: true, slower_than_declared: isSlower }],
    untracked: [{ version: 1, fetches }],
  };
  return facts as KeysFacts;
}

const ALL = {
  fence: () => undefined,
  clockOffsetSeconds: () => undefined,
  accessIsStale: () => undefined,
  tls: () => undefined,
  limitsAreLocal: () => undefined,
};

test.each([
  "macp_auth_events_dead",
  "macp_auth_fetches_dropped_total",
  "macp_auth_key_alarms_total",
  "macp_auth_ledger_lost_total",
  "macp_auth_limits_overflows_total",
  "macp_auth_rotation_overdue",
  "macp_auth_untracked_fetches",
  "macp_auth_verifiers_slower_than_declared",
])("%s moves with what it counts", async (name) => {
  let now = report(-5, 3, false);
  const overflows = new Map([["address", 0]]);
  let dead = 0;
  const events = () => [{ receiver: "default", behind: 0, lagSeconds: 0, dead }];
  const metrics = openMetrics({ ...ALL, report: () => now, limitOverflows: () => overflows, events });
  const samples = async (): Promise<readonly string[]> =>
    (await metrics.render()).split("\n").filter((line) => line.startsWith(name));
  const before = await samples();
  now = report(5, 4, true);
  overflows.set("address", 1);
  dead = 1;
  metrics.fetchesDropped(2);
  metrics.ledger.lost("mint");
  metrics.keyAlarm("rotation_overdue");
  expect(await samples()).not.toEqual(before);
});

test.each([
  'macp_auth_ledger_lost_total{kind="mint"}',
  'macp_auth_introspections_total{result="revoked"}',
  'macp_auth_guard_checks_total{door="http",result="revoked"}',
  'macp_auth_guard_checks_total{door="grpc",result="revoked"}',
  'macp_auth_request_seconds_count{operation="mintToken",outcome="failed"}',
  'macp_auth_request_seconds_count{operation="getJwks",outcome="failed"}',
  "macp_auth_store_failures_total",
])("%s is 0 before it counts anything, so that Prometheus sees the first increase", async (series) => {
  const metrics = openMetrics({ ...ALL, report: () => undefined });
  expect((await metrics.render()).split("\n")).toContain(`${series} 0`);
});
