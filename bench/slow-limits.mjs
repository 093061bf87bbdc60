// `node bench/slow-limits.mjs [LOSSES]`, after `npm run build`: how long a mint and its decision take while the server of shared limits is
// slow. A proxy before Redis holds back each answer for two seconds; then it is fast again, until the service has found it; and so on.
// Needs redis-server.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { makeBenchKey } from "./keys.mjs";
import { startServiceForLoad } from "./subjects.mjs";

const losses = Number(process.argv[2] ?? 20);
const [REDIS_PORT, PROXY_PORT, ADMIN_PORT] = [6_391, 6_392, 6_393];
const [LATE_MS, SLOW_MS, LOOPS] = [2_000, 700, 8];
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
const redis = spawn("redis-server", ["--port", String(REDIS_PORT), "--bind", "127.0.0.1", "--save", ""], {
  cwd: folder,
  stdio: "ignore",
});
process.once("exit", () => {
  redis.kill();
  rmSync(folder, { recursive: true, force: true });
});

let lateMs = 0;
createServer((near) => {
  const far = connect(REDIS_PORT, "127.0.0.1");
  near.pipe(far);
  far.on("data", (bytes) => void setTimeout(() => near.write(bytes), lateMs));
  for (const [one, other] of [
    [near, far],
    [far, near],
  ])
    one?.on("error", () => other?.destroy()).on("close", () => other?.destroy());
}).listen(PROXY_PORT, "127.0.0.1");

const document = join(folder, "access.yaml");
writeFileSync(document, "{version: 1, limits: {global: 900000/1s, sender: 900000/1s, address: 900000/1s}}\n");
const { mint } = await startServiceForLoad(
  makeBenchKey("ES256"),
  {
    MACP_AUTH_CONFIG_FILE: document,
    MACP_AUTH_LIMITS_URL: `redis://127.0.0.1:${PROXY_PORT}`,
    MACP_AUTH_LIMITS_REPLICAS: "2",
    MACP_AUTH_ADMIN_PORT: String(ADMIN_PORT),
  },
  {},
);

const page = async () => (await fetch(`http://127.0.0.1:${ADMIN_PORT}/metrics`)).text();
/** @param {string} name */
const figure = async (name) =>
  Number(
    (await page())
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1),
  );
const agent = new Agent({ keepAlive: true, maxSockets: LOOPS });

/** @type {{ isSlow: boolean, tookMs: number }[]} */
const seen = [];
let isOver = false;
/** @returns {Promise<void>} */
const one = () =>
  new Promise((resolve, reject) => {
    const [start, isSlow] = [performance.now(), lateMs > 0];
    const sent = request(mint.url, { method: mint.method, headers: mint.headers, agent }, (answer) => {
      answer.resume().on("end", () => {
        seen.push({ isSlow, tookMs: performance.now() - start });
        resolve();
      });
    });
    sent.on("error", reject).end(mint.body);
  });
const loops = Array.from({ length: LOOPS }, async () => {
  while (!isOver) await one();
});
for (let loss = 0; loss < losses; loss += 1) {
  lateMs = 0;
  while ((await figure("macp_auth_limits_local")) !== 0) await pause(20);
  await pause(300);
  lateMs = LATE_MS;
  await pause(SLOW_MS);
}
isOver = true;
await Promise.all(loops);

/** @param {boolean} isSlow */
const row = (isSlow) => {
  const all = seen.filter((mint) => mint.isSlow === isSlow).map(({ tookMs }) => tookMs);
  all.sort((a, b) => a - b);
  const at = (/** @type {number} */ part) => (all[Math.ceil(all.length * part) - 1] ?? 0).toFixed(1);
  return `${all.length} | ${at(0.5)} | ${at(0.99)} | ${at(0.999)} | ${at(1)} |`;
};
console.log(`| Redis | mints | p50 ms | p99 ms | p99.9 ms | slowest ms |\n|---|---|---|---|---|---|`);
console.log(`| fast | ${row(false)}\n| ${LATE_MS / 1_000} s late | ${row(true)}`);
const name = "macp_auth_limits_decision_seconds";
const count = await figure(`${name}_count`);
for (const bound of ["0.025", "0.05", "0.1"])
  console.log(
    `decisions above ${bound} s: ${count - (await figure(`${name}_bucket{le="${bound}"}`))} of ${count}`,
  );
process.exit(0);
