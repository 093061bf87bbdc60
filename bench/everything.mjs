// `node bench/everything.mjs [ROUNDS SECONDS]`, after `npm run build`: the service with everything on (TLS, client certificates, policy,
// limits) beside itself with nothing on, in turns in one run, over kept-alive connections. BENCH_UPSTREAM names the folder of a built
// auth-service 1.0.0 (`git clone …/macp-auth-service`, `npm ci`, `npm run build`): then it is measured too, with nothing on, since it has
// nothing to turn on, and the goal is judged. ab sends all requests, since wrk has no client certificate. Needs openssl, redis-server and
// ab (Debian: apache2-utils).

import { spawn } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { printRatios } from "./compare.mjs";
import { makeBenchKey } from "./keys.mjs";
import { median } from "./stats.mjs";
import { startServiceForLoad, startUpstreamForLoad } from "./subjects.mjs";
import { inTurnsOverTls, makeCertificates, makeSecret } from "./with-certificates.mjs";

// The first answer of a server is read by fetch, which has no other way to accept a certificate of this run.
process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const upstream = process.env["BENCH_UPSTREAM"];
/** Of the rate of auth-service 1.0.0 with RS256. */
const GOAL = 1.2;

const redisPort = 6_391;
const redis = spawn("redis-server", ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", ""], {
  stdio: "ignore",
});
redis.on("error", () => undefined);
process.once("exit", () => redis.kill());

const certificates = makeCertificates();
// No limit is reached.
const rate = "900000/1s";
const limits = `limits: {global: ${rate}, one_caller: 100, caller: ${rate}, sender: ${rate}, address: ${rate}, connections_per_address: 1000}\n`;
// Only the load has the certificate; the first mint, which fetch sends, has this secret.
const secret = makeSecret();
const EVERYTHING = {
  ...certificates.settings,
  MACP_AUTH_CONFIG_FILE: certificates.writeDocument("access.yaml", [secret.proof], limits),
};
const IN_REDIS = { ...EVERYTHING, MACP_AUTH_LIMITS_URL: `redis://127.0.0.1:${redisPort}` };
const UPSTREAM = "auth-service 1.0.0";
const OFF = "nothing on";
const LOCAL = "TLS, client certificates, policy, limits";
const SHARED = "the same, limits in Redis";

for (const alg of /** @type {const} */ (["RS256", "ES256"])) {
  const key = makeBenchKey(alg);
  const { bearer } = secret;
  const plain = { sent: {}, identity: undefined };
  const proved = { sent: {}, identity: certificates.identity };
  const running = [
    ...(upstream === undefined
      ? []
      : [{ name: UPSTREAM, ...plain, ...(await startUpstreamForLoad(upstream, key)) }]),
    { name: OFF, ...plain, ...(await startServiceForLoad(key, {}, {})) },
    { name: LOCAL, ...proved, ...(await startServiceForLoad(key, EVERYTHING, bearer)) },
    { name: SHARED, ...proved, ...(await startServiceForLoad(key, IN_REDIS, bearer)) },
  ];
  await pause(1_500);
  const measured = await inTurnsOverTls(running, rounds, seconds);
  for (const { stop } of running) await stop();
  printRatios(alg, measured, upstream === undefined ? OFF : UPSTREAM);
  if (upstream !== undefined && alg === "RS256") judge(measured);
}
redis.kill();

/** @param {Record<string, { perSecond: number }[]>} measured */
function judge(measured) {
  const base = measured[UPSTREAM] ?? [];
  for (const name of [LOCAL, SHARED]) {
    const ratio = median(
      (measured[name] ?? []).map(({ perSecond }, round) => perSecond / (base[round]?.perSecond ?? 1)),
    );
    const outcome = ratio >= GOAL ? "reached" : "missed";
    console.log(`\nGoal: ${GOAL} × ${UPSTREAM}; ${name}: ${ratio.toFixed(2)} ×, ${outcome}.`);
    if (ratio < GOAL) process.exitCode = 1;
  }
}
