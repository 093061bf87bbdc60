// `npm run bench`: measures the service beside its floor, a peer and the limit, prints one table, writes docs/benchmarks.md.
// With --quick: a trial with fewer and shorter rounds, which prints and writes nothing.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { coldStart } from "./cold-start.mjs";
import { makeBenchKey } from "./keys.mjs";
import { signingLimit, speedArguments } from "./limit.mjs";
import { findLoader } from "./load.mjs";
import { machineFacts } from "./machine.mjs";
import { memoryAfterStart, memoryUnderLoad } from "./memory.mjs";
import { page, table } from "./report.mjs";
import { LOADED, startForLoad } from "./subjects.mjs";
import { throughput } from "./throughput.mjs";

/** @typedef {{ rounds: number, roundSeconds: number, warmUpSeconds: number, starts: number, memoryStarts: number, mints: number, limitRounds: number }} Plan */
/** @type {Plan} */
const FULL = {
  rounds: 7,
  roundSeconds: 5,
  warmUpSeconds: 3,
  starts: 15,
  memoryStarts: 5,
  // The old part of the heap is collected about every two million mints: a shorter run would mistake one slope of the sawtooth for
  // growth.
  mints: 3_000_000,
  limitRounds: 3,
};
/** @type {Plan} */
const QUICK = {
  rounds: 5,
  roundSeconds: 2,
  warmUpSeconds: 2,
  starts: 10,
  memoryStarts: 3,
  mints: 100_000,
  limitRounds: 1,
};

const PAGE = join(import.meta.dirname, "../docs/benchmarks.md");

// An interrupted run ends here, so that what it started ends with it.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));

const quick = process.argv.includes("--quick");
const plan = quick ? QUICK : FULL;
const keys = { RS256: makeBenchKey("RS256"), ES256: makeBenchKey("ES256") };
const loader = await findLoader();

say(`loader: ${loader.name}`);
say("the limit: openssl speed");
const limit = await signingLimit(plan.limitRounds);

const { mint: RS256, jwks } = await underLoad(keys.RS256, ["mint", "jwks"]);
const { mint: ES256 } = await underLoad(keys.ES256, ["mint"]);

say(`cold start: ${plan.starts} processes each`);
const coldStartMs = await coldStart(keys.ES256, plan.starts);
say(`memory: ${plan.mints} mints`);
const memoryAtStartMb = await memoryAfterStart(keys.ES256, plan.memoryStarts);
const memory = await memoryUnderLoad(loader, keys.ES256, plan.mints);

const drawn = table({ throughput: { RS256, ES256, jwks }, coldStartMs, memoryAtStartMb, memory, limit });
const facts = machineFacts({ loader: loader.name, openssl: limit?.version });
process.stdout.write(`\n${drawn}\n\n${facts.map(([name, value]) => `${name}: ${value}`).join("\n")}\n`);
if (!quick) {
  await mkdir(join(PAGE, ".."), { recursive: true });
  const openssl = ["openssl", ...speedArguments()].join(" ");
  const every = Math.round(memory?.every ?? 0).toLocaleString("en-US");
  await writeFile(PAGE, page({ table: drawn, facts, plan, openssl, every }));
  say("written: docs/benchmarks.md");
}

/**
 * Loads all subjects with one key.
 * @template {"mint" | "jwks"} What
 * @param {import("./keys.mjs").BenchKey} key
 * @param {readonly What[]} measured
 */
async function underLoad(key, measured) {
  const running =
    /** @type {Record<import("./subjects.mjs").Subject, import("./subjects.mjs").Running>} */ ({});
  for (const subject of LOADED) running[subject] = await startForLoad(subject, key);
  const results = /** @type {Record<What, import("./throughput.mjs").Throughput>} */ ({});
  for (const what of measured) {
    say(`${key.alg}, ${what}: ${plan.rounds} rounds of ${plan.roundSeconds} s each for ${LOADED.join(", ")}`);
    results[what] = await throughput(loader, running, what, plan);
  }
  for (const subject of LOADED) await running[subject].stop();
  return results;
}

/** @param {string} text */
function say(text) {
  process.stderr.write(`bench: ${text}\n`);
}
