import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import type { Latency } from "./honest-load.ts";
import type { Measurement, Subject } from "./measure.ts";

/** The load of the machine before the run began. */
const LOAD_BEFORE = loadavg()[0] ?? 0;
const PAGE = fileURLToPath(new URL("../../docs/abuse.md", import.meta.url));
const MARK = "<!-- figures of npm run e2e:abuse -->";

/** The goals: how many times as slow a mint may be, how slow a fetch of the JWKS, and how much memory is used. */
export const GOALS = { mintRatio: 2, jwksMs: 10, growthMb: 100 } as const;

/** One service with its measurements, and under which settings it ran. */
export interface Story {
  readonly settings: string;
  readonly subject: Subject;
  readonly measurements: readonly Measurement[];
}

/** The tables of the page docs/abuse.md. */
export function reportOf(stories: readonly Story[]): string {
  const model = cpus()[0]?.model.trim() ?? "unknown";
  const machine = `${model}, ${String(availableParallelism())} cores, Node.js ${process.version}; load before the run ${LOAD_BEFORE.toFixed(1)}.`;
  return [machine, ...stories.map(tableOf)].join("\n\n");
}

/** Puts the report in its place of the page. */
export function writeReport(report: string): void {
  const [before = ""] = readFileSync(PAGE, "utf8").split(MARK);
  writeFileSync(PAGE, `${before}${MARK}\n\n${report}\n`);
}

function tableOf({ settings, subject, measurements }: Story): string {
  const { mint, jwks } = subject.baseline;
  return [
    `### ${settings}`,
    "",
    `Without an attack: mint p50 ${ms(mint.p50)}, p99 ${ms(mint.p99)}; JWKS p99 ${ms(jwks.p99)}. Memory ${String(Math.round((subject.baselineKib * 1_024) / 1e6))} MB.`,
    "",
    "| Attack | Mint p50 | Mint p99, to that without | JWKS p99 | Failed | Memory | The attacker's connections |",
    "|---|---|---|---|---|---|---|",
    ...measurements.map((one) => rowOf(one, mint)),
  ].join("\n");
}

function rowOf({ attack, experience, growthMb, outcome }: Measurement, before: Latency): string {
  const { mint, jwks, failures } = experience;
  const failed = Object.entries(failures).map(([why, count]) => `${String(count)} ${why}`);
  const answers = Object.entries(outcome.answers).map(([status, count]) => `${String(count)} × ${status}`);
  const longest =
    outcome.longestMs === undefined ? "" : `, the longest after ${(outcome.longestMs / 1_000).toFixed(1)} s`;
  const cells = [
    attack.name,
    ms(mint.p50),
    `${ms(mint.p99)}, ${(mint.p99 / before.p99).toFixed(1)}`,
    ms(jwks.p99),
    `${failed.join("; ") || "0"} of ${String(mint.count + jwks.count)}`,
    `+${String(Math.round(growthMb))} MB`,
    `${String(outcome.opened)} opened, ${String(outcome.endedByService)} ended by the service${longest}${answers.length > 0 ? `; ${answers.join(", ")}` : ""}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(1)} ms`;
}
