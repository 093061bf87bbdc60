import { describe, expect, test } from "vitest";
import type { ConfigurationFacts } from "../facts/configuration-facts.ts";
import { nodeShowsNoMemory } from "./node-options-rules.ts";

const judge = (options?: string) => {
  const values = options === undefined ? {} : { NODE_OPTIONS: options };
  const facts: Pick<ConfigurationFacts, "environment"> = { environment: { kind: "process", values } };
  return nodeShowsNoMemory(facts as ConfigurationFacts);
};

describe("NODE_OPTIONS", () => {
  test("that is not set is fine", () => {
    expect(judge()).toEqual([]);
  });

  test.each(["--max-old-space-size=256", "--inspect-port=9230", "--require ./inspect.js"])(
    "%s is fine",
    (options) => {
      expect(judge(options)).toMatchObject([{ grade: "ok" }]);
    },
  );

  test.each(["--inspect", "--inspect=0.0.0.0:9229", "--inspect-brk", "--inspect_wait=1", '"--inspect"'])(
    "%s fails: it opens a debugger in a process that holds keys",
    (option) => {
      const findings = judge(`--no-warnings ${option}`);
      expect(findings).toMatchObject([{ grade: "fail" }]);
      expect(findings[0]?.found).toContain("NODE_OPTIONS has --inspect");
    },
  );

  test.each([
    "--heapsnapshot-signal=SIGUSR2",
    "--heapsnapshot_near_heap_limit=3",
    "--report-on-signal",
    "--report-on-fatalerror",
    "--report-uncaught-exception",
    "--abort-on-uncaught-exception",
  ])("%s is a warning: it writes keys to a file", (option) => {
    expect(judge(option)).toMatchObject([{ grade: "warn" }]);
  });
});
