// `node --expose-gc bench/guard.mjs [ROUNDS SECONDS]`, after `npm run build`: what the guard costs. `/check` by itself: rate, processor time, the time
// of an answer at half of that rate, and memory. Then nginx with the guard against nginx without it, in turns, in front of a server that
// does nothing, and with MACP_RUNTIME_BIN in front of that runtime. Needs wrk and nginx.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inTurns, printRows } from "./compare.mjs";
import { checkpoint } from "./guard/checkpoint.mjs";
import { rememberedTokens } from "./guard/memory.mjs";
import { startNginx } from "./guard/nginx.mjs";
import { startBareServer, startRuntime } from "./guard/runtimes.mjs";
import { findLoader } from "./load.mjs";
import { pacedTimes } from "./paced.mjs";
import { median } from "./stats.mjs";

// Each program that is started ends with this process.
process.setMaxListeners(30);
const [rounds, seconds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 3)];
const loader = await findLoader();

const TOKENS = 50_000;
const { newUs, knownUs, mebibytes } = await rememberedTokens(TOKENS);
console.log(
  `The decision, without HTTP: ${newUs.toFixed(1)} µs for a new token, ${knownUs.toFixed(2)} µs for a known one; ${TOKENS} known ones take ${mebibytes.toFixed(0)} MiB`,
);

for (const alg of /** @type {const} */ (["ES256", "RS256"])) {
  const guard = await checkpoint(alg);
  const bearersFile = join(guard.folder, "tokens");
  writeFileSync(bearersFile, guard.tokens.join("\n"));
  const shot = { url: `${guard.url}/check`, method: /** @type {const} */ ("GET"), headers: {}, bearersFile };
  const subject = { name: "check", pid: guard.pid, shot, stop: () => Promise.resolve() };
  const { check = [] } = await inTurns(loader, [subject], rounds, seconds);
  const perSecond = median(check.map((one) => one.perSecond));
  const processorUs = median(check.map((one) => one.processorUs));
  console.log(
    `\n/check, ${alg}: ${Math.round(perSecond)} a second, ${processorUs.toFixed(1)} µs of the processor each`,
  );
  const requests = guard.tokens.map(
    (token) => `GET /check HTTP/1.1\r\nHost: guard\r\nAuthorization: Bearer ${token}\r\n\r\n`,
  );
  const times = await pacedTimes(guard.port, requests, perSecond / 2, seconds * 2);
  console.log(
    `  at half of that rate: p50 ${times.p50Ms.toFixed(2)} ms, p99 ${times.p99Ms.toFixed(2)} ms, ${times.rejected} rejected`,
  );
  if (alg === "ES256") await besideNginx(guard);
  await guard.stop();
}

/** @param {Awaited<ReturnType<typeof checkpoint>>} guard */
async function besideNginx(guard) {
  const runtimes = [await startBareServer(), await startRuntime(guard.jwksUrl)].filter(
    (runtime) => runtime !== undefined,
  );
  for (const { name, host, stop } of runtimes) {
    const proxies = await Promise.all(
      /** @type {const} */ (["without the guard", "with the guard", "with the guard, cached"]).map(
        async (kind) => ({ name: kind, ...(await startNginx(kind, { guard: guard.port, runtime: host })) }),
      ),
    );
    const bearersFile = join(guard.folder, "tokens");
    const measured = await inTurns(
      loader,
      proxies.map(({ name: kind, pid, url, stop: end }) => ({
        name: kind,
        pid,
        shot: {
          url: `${url}/macp/v1/ListSessions`,
          method: "POST",
          body: "{}",
          headers: { "content-type": "application/json" },
          bearersFile,
        },
        stop: end,
      })),
      rounds,
      seconds,
    );
    console.log(
      `\n| nginx in front of ${name} | calls/s | to without | processor µs a call, of nginx | to without |\n|---|---|---|---|---|`,
    );
    printRows(measured, "without the guard");
    await stop();
  }
}
