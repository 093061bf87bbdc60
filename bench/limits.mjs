// `node bench/limits.mjs [ROUNDS SECONDS]`, after `npm run build`: what limits cost. The same service without limits, with local ones and
// with ones that are shared in Redis, in turns; medians, ratios to off, processor time a mint. No limit is reached. Then what a million
// addresses cost. Needs wrk, and redis-server for the shared ones.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { inTurns, printRatios } from "./compare.mjs";
import { makeBenchKey } from "./keys.mjs";
import { findLoader } from "./load.mjs";
import { startServiceForLoad } from "./subjects.mjs";

const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
const redisPort = 6_390;
const redis = spawn("redis-server", ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", ""], {
  cwd: folder,
  stdio: "ignore",
});
redis.on("error", () => undefined);
process.once("exit", () => {
  redis.kill();
  rmSync(folder, { recursive: true, force: true });
});

const document = join(folder, "access.yaml");
const rate = "900000/1s";
writeFileSync(
  document,
  `{version: 1, limits: {global: ${rate}, one_caller: 100, sender: ${rate}, address: ${rate}}}\n`,
);

/** @type {Record<string, Record<string, string>>} */
const SUBJECTS = {
  off: {},
  "local limits": { MACP_AUTH_CONFIG_FILE: document },
  "limits in Redis": {
    MACP_AUTH_CONFIG_FILE: document,
    MACP_AUTH_LIMITS_URL: `redis://127.0.0.1:${redisPort}`,
  },
};

const loader = await findLoader();
for (const alg of /** @type {const} */ (["RS256", "ES256"])) {
  const key = makeBenchKey(alg);
  const running = await Promise.all(
    Object.entries(SUBJECTS).map(async ([name, settings]) => {
      const { mint: shot, ...one } = await startServiceForLoad(key, settings, {});
      return { name, ...one, shot };
    }),
  );
  await pause(1_500);
  printRatios(alg, await inTurns(loader, running, rounds, seconds), "off");
}

/** @type {typeof import("../service/src/limits/local-buckets.ts")} */
const { LocalBuckets } = await import(
  new URL("../service/dist/limits/local-buckets.js", import.meta.url).href
);
const limit = { rate: { count: 1, perSeconds: 3_600, burst: 1 }, pace: { intervalUs: 36e8, spanUs: 36e8 } };
const before = process.memoryUsage().rss;
const buckets = new LocalBuckets({
  random: { bytes: (size) => Buffer.alloc(size, 7) },
  stopwatch: { elapsed: () => performance.now() / 1_000 },
});
const start = performance.now();
const ADDRESSES = 1_000_000;
let limited = 0;
for (let index = 0; index < ADDRESSES; index += 1) {
  const key = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
  if (buckets.take([{ scope: "address", key, limit }]).kind === "limited") limited += 1;
}
const microseconds = ((performance.now() - start) * 1_000) / ADDRESSES;
globalThis.gc?.();
const mebibytes = (process.memoryUsage().rss - before) / 2 ** 20;
console.log(
  `\n${ADDRESSES} addresses: ${mebibytes.toFixed(0)} MiB more, ${microseconds.toFixed(2)} µs each, ${limited} without a bucket of their own`,
);
redis.kill();
