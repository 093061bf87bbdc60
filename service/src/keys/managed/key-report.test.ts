import { expect, test } from "vitest";
import { keySet, RULES, sighting } from "../../testing/managed-key-sets.ts";
import { reportOf } from "./key-report.ts";

test.each([
  ["fetches once in T", { minIntervalSeconds: 300, fetches: 5_000 }, false],
  ["fetches a little after T, as a busy verifier may", { minIntervalSeconds: 310, fetches: 5_000 }, false],
  ["never fetches when T ends", { minIntervalSeconds: 311, fetches: 20 }, true],
  ["was seen too rarely to judge", { minIntervalSeconds: 900, fetches: 19 }, false],
  ["was seen once", { minIntervalSeconds: undefined, fetches: 1 }, false],
])("a verifier that %s is reported as slow or not", (_, seen, doubted) => {
  const set = keySet([], { verifiers: [{ ...sighting("10.0.0.1", 1), ...seen }] });
  expect(reportOf(set, RULES).verifiers).toMatchObject([
    { min_interval_seconds: seen.minIntervalSeconds ?? null, slower_than_declared: doubted },
  ]);
});
