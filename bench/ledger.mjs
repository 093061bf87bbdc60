// `node bench/ledger.mjs [ROUNDS SECONDS]`, after `npm run build`: what a durable ledger costs. The same service with keys in SQLite,
// without a ledger and with one, and, where MACP_TEST_POSTGRES_URL names a server, the same over PostgreSQL; in turns; medians, ratios to
// off, processor time a mint, and the time of an answer at half of
// the rate of each. That of PostgreSQL itself is not counted. Needs wrk. `tools/postgres.sh start DIR` starts a server.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { measuredInTurns, printRatios } from "./compare.mjs";
import { makeBenchKey } from "./keys.mjs";
import { findLoader } from "./load.mjs";
import { pacedTimes } from "./paced.mjs";
import { median } from "./stats.mjs";
import { startServiceForLoad } from "./subjects.mjs";

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const postgres = process.env["MACP_TEST_POSTGRES_URL"] || undefined;

/**
 * A schema of its own in the database at a URL.
 * @param {string} server
 */
async function newSchema(server) {
  const schema = `bench_${randomBytes(6).toString("hex")}`;
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(`CREATE SCHEMA ${schema}`);
  await client.end();
  const url = new URL(server);
  url.searchParams.set("schema", schema);
  return url.href;
}

/**
 * @param {string} url
 * @param {string} mode
 */
const over = (url, mode) => ({
  MACP_AUTH_SIGNING_KEY_JSON: "",
  MACP_AUTH_STORE_URL: url,
  MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  MACP_AUTH_LEDGER: mode,
});

const loader = await findLoader();
for (const alg of /** @type {const} */ (["RS256", "ES256"])) {
  const file = (/** @type {string} */ name) => `sqlite:${join(folder, `${alg}-${name}.db`)}`;
  /** @type {Record<string, Record<string, string>>} */
  const subjects = {
    off: over(file("off"), "off"),
    "async, SQLite": over(file("async"), "async"),
    "durable, SQLite": over(file("durable"), "durable"),
    ...(postgres && { "durable, PostgreSQL": over(await newSchema(postgres), "durable") }),
  };
  const key = makeBenchKey(alg);
  const running = [];
  for (const [name, settings] of Object.entries(subjects)) {
    const { mint: shot, ...one } = await startServiceForLoad(key, settings, {});
    running.push({ name, ...one, shot });
  }
  await pause(1_500);
  const measured = await measuredInTurns(loader, running, rounds, seconds);
  printRatios(alg, measured, "off");
  console.log(
    `\n| ${alg}, at half of the rate | mints/s | p50, ms | p99, ms | rejected |\n|---|---|---|---|---|`,
  );
  for (const { name, shot } of running) {
    const half = median((measured[name] ?? []).map((one) => one.perSecond)) / 2;
    const { p50Ms, p99Ms, rejected } = await pacedTimes(
      Number(new URL(shot.url).port),
      [textOf(shot)],
      half,
      seconds * 2,
    );
    console.log(
      `| ${name} | ${Math.round(half)} | ${p50Ms.toFixed(1)} | ${p99Ms.toFixed(1)} | ${rejected} |`,
    );
  }
  for (const { stop } of running) await stop();
}

/**
 * A shot as it is sent.
 * @param {import("./load.mjs").Shot} shot
 */
function textOf({ url, method, body = "", headers }) {
  const { host, pathname } = new URL(url);
  const all = { ...headers, host, "content-length": String(body.length) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${pathname} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}
