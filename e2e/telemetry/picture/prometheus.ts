import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../support/free-port.ts";
import { ask } from "../../support/raw-http.ts";

/** Debian's `prometheus`. With CI=true a skipped test is a failure. */
export const HAS_PROMETHEUS = spawnSync("prometheus", ["--version"]).error === undefined;

/** What is scraped: an admin listener on loopback, under the name that it has in the figures. */
export interface Scraped {
  readonly instance: string;
  readonly port: number;
  readonly isSecure: boolean;
}

/** One line of a graph. A value that is no number, as of 0 / 0, is left out. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since 1970, and the value then. */
  readonly points: readonly (readonly [at: number, value: number])[];
}

/** What Prometheus says of a rule that it evaluates again and again. */
export interface EvaluatedRule {
  readonly name: string;
  readonly query: string;
  readonly health: "ok" | "err" | "unknown";
  readonly lastError?: string;
}

/** A real Prometheus on loopback, which scrapes each second and evaluates rules each second. */
export interface Prometheus {
  /** The values of an expression, second by second. Rejects with the words of Prometheus when it does not accept it. */
  range(expression: string, from: number, to: number): Promise<readonly Series[]>;
  /** The values of a label in series that `matcher` selects. */
  labelValues(label: string, matcher: string): Promise<readonly string[]>;
  rules(): Promise<readonly EvaluatedRule[]>;
  end(): Promise<void>;
}

interface Started {
  readonly jobs: Readonly<Record<string, readonly Scraped[]>>;
  /** Sent to each. */
  readonly token: string;
  /** Paths. */
  readonly ruleFiles: readonly string[];
}

/** Starts one. `jobs`: what is scraped, by the name of its job. */
export async function startPrometheus({ jobs, token, ruleFiles }: Started): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-prometheus-"));
  const port = await freePort();
  // JSON is YAML.
  const configuration = {
    global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
    rule_files: ruleFiles,
    scrape_configs: Object.entries(jobs).map(([job, targets]) => ({
      job_name: job,
      authorization: { credentials: token },
      // The certificates of tests are known to nobody.
      tls_config: { insecure_skip_verify: true },
      static_configs: targets.map((target) => ({
        targets: [`127.0.0.1:${target.port}`],
        labels: { instance: target.instance, __scheme__: target.isSecure ? "https" : "http" },
      })),
    })),
  };
  await writeFile(join(folder, "prometheus.yml"), JSON.stringify(configuration));
  const program = spawn(
    "prometheus",
    [
      `--config.file=${join(folder, "prometheus.yml")}`,
      `--storage.tsdb.path=${join(folder, "data")}`,
      `--web.listen-address=127.0.0.1:${port}`,
      "--log.level=warn",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  await untilReady(program, port);
  return { ...questions(port), end: () => ended(program, folder) };
}

async function untilReady(program: ChildProcess, port: number): Promise<void> {
  let said = "";
  program.stderr?.on("data", (piece: Buffer) => {
    said += piece.toString();
  });
  for (let tries = 0; tries < 1_200 && program.exitCode === null; tries += 1) {
    const answer = await ask(port, { path: "/-/ready" }).catch(() => undefined);
    if (answer?.status === 200) return;
    await pause(50);
  }
  program.kill("SIGKILL");
  throw new Error(`prometheus did not start: ${said}`);
}

async function ended(program: ChildProcess, folder: string): Promise<void> {
  const exit = once(program, "exit");
  program.kill("SIGKILL");
  await exit;
  await rm(folder, { recursive: true });
}

type Answer<Data> =
  | { readonly status: "success"; readonly data: Data }
  | { readonly status: "error"; readonly error: string };
interface Matrix {
  readonly result: readonly {
    readonly metric: Readonly<Record<string, string>>;
    readonly values: readonly (readonly [number, string])[];
  }[];
}

function questions(port: number): Omit<Prometheus, "end"> {
  const get = async <Data>(path: string, query: Readonly<Record<string, string>> = {}): Promise<Data> => {
    const { text } = await ask(port, {
      path: `/api/v1/${path}?${new URLSearchParams(query).toString()}`,
    });
    const answer = JSON.parse(text) as Answer<Data>;
    if (answer.status === "error") throw new Error(`${query["query"] ?? path}: ${answer.error}`);
    return answer.data;
  };
  return {
    async range(query, from, to) {
      const { result } = await get<Matrix>("query_range", {
        query,
        start: String(from),
        end: String(to),
        step: "1",
      });
      return result.map(({ metric, values }) => ({
        labels: metric,
        points: values
          .map(([at, value]) => [at, Number(value)] as const)
          .filter(([, value]) => Number.isFinite(value)),
      }));
    },
    labelValues: (label, matcher) => get(`label/${label}/values`, { "match[]": matcher }),
    async rules() {
      const { groups } = await get<{ groups: readonly { rules: readonly EvaluatedRule[] }[] }>("rules");
      return groups.flatMap((group) => group.rules);
    },
  };
}
