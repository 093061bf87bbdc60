import { execFile, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import {
  anchorsOf,
  documentedMetrics,
  metricsIn,
  ROOT,
  sidecarMetrics,
  textOf,
} from "../support/documents.ts";

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}
interface RuleTests {
  readonly tests: readonly {
    readonly promql_expr_test: readonly { readonly exp_samples: readonly { readonly labels: string }[] }[];
  }[];
}

const FOLDER = "deploy/prometheus";
const FILES = ["macp-auth.rules.yml", "macp-auth-slo.rules.yml"];
const TESTS = readdirSync(`${ROOT}/${FOLDER}/tests`);
const rules = FILES.flatMap((file) =>
  (
    parse(textOf(`${FOLDER}/${file}`)) as { readonly groups: readonly { readonly rules: readonly Rule[] }[] }
  ).groups.flatMap((group) => group.rules),
);
const alerts = rules.flatMap((rule) => (rule.alert === undefined ? [] : [{ ...rule, alert: rule.alert }]));

/** Debian's `prometheus`. With CI=true a skipped test is a failure. */
const hasPromtool = spawnSync("promtool", ["--version"]).error === undefined;
const run = promisify(execFile);

describe.skipIf(!hasPromtool)("the rules for Prometheus (skipped without promtool)", () => {
  test("are accepted by Prometheus, and so is the example that loads them", async () => {
    const { stdout } = await run("promtool", ["check", "rules", ...FILES], { cwd: `${ROOT}/${FOLDER}` });
    expect(stdout).not.toContain("FAILED");
    await run("promtool", ["check", "config", "--syntax-only", "prometheus.yml"], {
      cwd: `${ROOT}/${FOLDER}`,
    });
  });

  test.each(TESTS)("fire when they should, and not before: %s", async (file) => {
    const { stdout } = await run("promtool", ["test", "rules", file], { cwd: `${ROOT}/${FOLDER}/tests` });
    expect(stdout).toContain("SUCCESS");
  });
});

describe("each alert", () => {
  test("fires in a unit test of its own, in which at another moment it does not", () => {
    const moments = TESTS.flatMap((file) =>
      (parse(textOf(`${FOLDER}/tests/${file}`)) as RuleTests).tests.map((one) =>
        one.promql_expr_test.map(({ exp_samples }) => exp_samples.map(({ labels }) => labels).join()),
      ),
    );
    const isProved = (alert: string): boolean =>
      moments.some(
        (ofTest) =>
          ofTest.some((labels) => labels.includes(`"${alert}"`)) &&
          (ofTest.length === 1 || ofTest.some((labels) => !labels.includes(`"${alert}"`))),
      );
    expect(alerts.map(({ alert }) => alert).filter((alert) => !isProved(alert))).toEqual([]);
    expect(alerts.length).toBeGreaterThan(35);
  });

  test.each(alerts)(
    "$alert has a severity, a sentence, what to do, and a heading that explains it",
    (rule) => {
      const { labels, annotations } = rule;
      expect(["critical", "warning", "info"]).toContain(labels?.["severity"]);
      expect(Object.keys(annotations ?? {})).toEqual(["summary", "action", "runbook"]);
      const [page = "", heading = ""] = (annotations?.["runbook"] ?? "").split("#");
      expect([page, existsSync(`${ROOT}/${page}`)]).toEqual([page, true]);
      expect([heading, anchorsOf(page).has(heading)]).toEqual([heading, true]);
      expect(textOf(page)).toContain(rule.alert);
    },
  );

  test("that docs/alerts.md explains exists, with the severity that it says", () => {
    const explained = [...textOf("docs/alerts.md").matchAll(/^### (MacpAuth\w+)\n\n`(\w+)`/gm)];
    const inRules = new Map(alerts.map(({ alert, labels }) => [alert, labels?.["severity"]]));
    expect(explained.map(([, alert = "", severity]) => [alert, severity])).toEqual(
      explained.map(([, alert = ""]) => [alert, inRules.get(alert)]),
    );
    expect(explained.length).toBeGreaterThan(25);
  });
});

describe("the names of metrics", () => {
  test.each([
    ...FILES.map((file) => `${FOLDER}/${file}`),
    ...readdirSync(`${ROOT}/docs`)
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
    ...(existsSync(`${ROOT}/deploy/grafana/macp-auth.json`) ? ["deploy/grafana/macp-auth.json"] : []),
  ])("in %s are those of metrics that exist", (path) => {
    const known = new Set([...documentedMetrics(), ...sidecarMetrics()]);
    expect(metricsIn(textOf(path)).filter((name) => !known.has(name))).toEqual([]);
  });

  test("of recording rules that a rule or a page uses are those of rules that exist", () => {
    const recorded = new Set(rules.flatMap(({ record }) => record ?? []));
    const used = [...FILES.map((file) => `${FOLDER}/${file}`), "docs/slo.md"].flatMap((path) =>
      [...textOf(path).matchAll(/\bmacp_auth:[a-z_0-9:]+/g)].map(([name]) => name),
    );
    expect([...new Set(used)].filter((name) => !recorded.has(name))).toEqual([]);
  });

  test("in the queries of docs/slo.md are in the same queries as those of the rules", () => {
    const queries = [...textOf("docs/slo.md").matchAll(/```promql\n(.*)\n```/g)].map(
      ([, query = ""]) => query,
    );
    const ruled = rules.map(({ expr }) => expr);
    expect(
      queries.map((query) => query.replaceAll("[30d]", "[3d]")).filter((query) => !ruled.includes(query)),
    ).toEqual([]);
    expect(queries).toHaveLength(4);
  });
});
