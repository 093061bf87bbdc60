import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { decisionTimes, overflowCounter } from "./limit-metrics.ts";

test("a bucket without a place of its own is counted by its table, as often as it happened so far", async () => {
  const registry = new Registry();
  const counts = new Map([["address", 0]]);
  overflowCounter([registry], () => counts);
  expect(await registry.metrics()).toContain('macp_auth_limits_overflows_total{table="address"} 0');
  counts.set("address", 7);
  for (let scrape = 0; scrape < 2; scrape += 1)
    expect(await registry.metrics()).toContain('macp_auth_limits_overflows_total{table="address"} 7');
});

test("a decision at the bound is counted apart from one that took longer", async () => {
  const registry = new Registry();
  const decided = decisionTimes([registry]);
  for (const seconds of [0.0451, 0.0499, 0.051]) decided(seconds);
  expect(await registry.metrics()).toContain('macp_auth_limits_decision_seconds_bucket{le="0.05"} 2');
});
