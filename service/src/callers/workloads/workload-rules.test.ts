import { expect, test } from "vitest";
import { callerEntry, callerId } from "../../testing/callers.ts";
import { compileRules, indexRules, resolveWorkload } from "./workload-rules.ts";

test("a rule whose claim has an exact value and a pattern is found by both", () => {
  const rule = { issuer: "ci", subject: "**", claims: { ref: ["main", "release-*"] } };
  const index = indexRules(compileRules(callerEntry("jobs", { workloads: [rule] })));
  for (const ref of ["main", "release-1"])
    expect(resolveWorkload(index, { subjects: ["job"], claims: { ref } })).toEqual({
      kind: "caller",
      caller: callerId("jobs"),
    });
  expect(resolveWorkload(index, { subjects: ["job"], claims: { ref: "other" } }).kind).toBe("none");
});
