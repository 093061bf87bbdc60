import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { openMetrics } from "./metrics.ts";

const page = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");

test("docs/metrics.md has one row for each metric of this service, and no row for anything else", async () => {
  const metrics = openMetrics({
    report: () => undefined,
    fence: () => undefined,
    clockOffsetSeconds: () => undefined,
    accessIsStale: () => undefined,
    tls: () => undefined,
    limitsAreLocal: () => undefined,
  });
  const documented = [...page.matchAll(/^\| `(macp_auth_[a-z_]+)` \|/gm)].map(([, name]) => name);
  const known = [...(await metrics.render()).matchAll(/^# TYPE (macp_auth_\S+) /gm)].map(([, name]) => name);
  expect(documented.toSorted()).toEqual(known.toSorted());
});
