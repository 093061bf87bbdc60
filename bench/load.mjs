import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const SCRIPT = join(import.meta.dirname, "wrk.lua");

/** How many requests are on their way at any time. Each waits for its answer before the next. BENCH_CONNECTIONS changes it. */
export const CONNECTIONS = Number(process.env["BENCH_CONNECTIONS"] ?? 32);
const SECONDS_MAX = 3_600;

/** @typedef {{ url: string, method: "GET" | "POST", body?: string, headers: Record<string, string>, bearersFile?: string }} Shot */
/** @typedef {{ seconds: number } | { amount: number }} Length */
/** @typedef {{ requests: number, perSecond: number, p50Ms: number, p99Ms: number }} Loaded */
/** @typedef {{ name: string, fire: (shot: Shot, length: Length) => Promise<Loaded> }} Loader */

/**
 * The loader of this machine: wrk where it is installed, else autocannon.
 * @returns {Promise<Loader>}
 */
export async function findLoader() {
  const version = wrkVersion();
  if (version !== undefined)
    return { name: `wrk ${version}, 1 thread, ${CONNECTIONS} connections`, fire: fireWrk };
  const { default: autocannon } = await import("autocannon");
  return {
    name: `autocannon 8.0.0, 1 worker, ${CONNECTIONS} connections`,
    fire: (shot, length) => fireAutocannon(autocannon, shot, length),
  };
}

function wrkVersion() {
  try {
    execFileSync("wrk", ["-v"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return "";
  } catch (thrown) {
    const fault = /** @type {{ code?: string, stdout?: string }} */ (thrown);
    // wrk prints its version and then exits with 1.
    return fault.code === "ENOENT" ? undefined : /wrk (\S+)/.exec(String(fault.stdout))?.[1];
  }
}

/** @type {Loader["fire"]} */
async function fireWrk({ url, method, body, headers, bearersFile }, length) {
  const env = {
    PATH: process.env["PATH"],
    BENCH_METHOD: method,
    BENCH_HEADERS: Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\n`)
      .join(""),
    ...(body !== undefined && { BENCH_BODY: body }),
    ...(bearersFile !== undefined && { BENCH_BEARERS: bearersFile }),
    ...("amount" in length && { BENCH_AMOUNT: String(length.amount) }),
  };
  const seconds = "seconds" in length ? length.seconds : SECONDS_MAX;
  const wrk = spawn(
    "wrk",
    ["-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "--timeout", "10s", "-s", SCRIPT, url],
    { env },
  );
  wrk.stderr.once("data", () => wrk.kill("SIGINT"));
  const [output, [code]] = await Promise.all([text(wrk.stdout), once(wrk, "close")]);
  if (code !== 0) throw new Error(`wrk ended with ${code}: ${output}`);
  const result = JSON.parse(output.slice(output.lastIndexOf('{"requests"')));
  if (result.errors > 0) throw new Error(`${result.errors} of ${result.requests} requests to ${url} failed`);
  return {
    requests: result.requests,
    perSecond: (result.requests * 1e6) / result.microseconds,
    p50Ms: result.p50 / 1e3,
    p99Ms: result.p99 / 1e3,
  };
}

/**
 * @param {typeof import("autocannon")} autocannon
 * @param {Shot} shot
 * @param {Length} length
 * @returns {Promise<Loaded>}
 */
async function fireAutocannon(autocannon, { url, method, body, headers, bearersFile }, length) {
  if (bearersFile !== undefined)
    throw new Error("only wrk sends another token with each request: install wrk");
  const result = await autocannon({
    url,
    method,
    headers,
    connections: CONNECTIONS,
    workers: 1,
    ...(body !== undefined && { body }),
    ...("amount" in length ? { amount: length.amount } : { duration: length.seconds }),
  });
  if (result.errors + result.non2xx > 0)
    throw new Error(`${result.errors + result.non2xx} requests to ${url} failed`);
  const requests = result["2xx"];
  return {
    requests,
    perSecond: requests / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
  };
}
