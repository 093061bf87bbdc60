// `node bench/ledger-questions.mjs URL…`, after `npm run build` and `node bench/ledger/fill.mjs URL ROWS`: how long each question to a
// ledger takes, through the service's own adapter, and what a batch of entries costs. Median and worst of 30, after 3 that warm up.
import { timesOfAppends } from "./ledger/appends.mjs";
import { built, openStore } from "./ledger/open-store.mjs";
import { sampleOf } from "./ledger/sample.mjs";
import { median } from "./stats.mjs";

/** @type {typeof import("../service/src/stores/sql/ledger/questions.ts")} */
const { sqlLedgerQuestions } = await import(built("stores/sql/ledger/questions.js"));
/** @type {typeof import("../service/src/ledger/questions/lineage.ts")} */
const { lineageOf } = await import(built("ledger/questions/lineage.js"));

const [ROUNDS, WARM_UPS] = [30, 3];
const GOAL_MS = 50;
const urls = process.argv.slice(2);

for (const url of urls) {
  const { database, kind, close } = await openStore(url);
  const questions = sqlLedgerQuestions(database);
  const sample = await sampleOf(database);
  console.log(`\n${kind}, ${sample.rows.toLocaleString("en")} entries\n`);
  console.log("| Question | median ms | worst ms | answer |\n|---|---:|---:|---|");
  for (const [name, ask] of questionsOf(questions, sample)) await measure(name, ask);
  const costs = await timesOfAppends(database);
  console.log(
    `\nA batch of 50 entries, in µs an entry: median ${costs.median.toFixed(0)}, worst ${costs.worst.toFixed(0)}`,
  );
  await close();
}

/**
 * @param {import("../service/src/ledger/questions/ledger-questions.ts").LedgerQuestions} questions
 * @param {Awaited<ReturnType<typeof sampleOf>>} sample
 * @returns {readonly (readonly [string, (round: number) => Promise<number>])[]}
 */
function questionsOf(questions, sample) {
  const page = { limit: 50, after: undefined };
  const now = /** @type {any} */ (Math.floor(sample.lastMs / 1_000));
  const entries = async (/** @type {object} */ filter, /** @type {any} */ asked = page) =>
    (await questions.entries(filter, asked)).items.length;
  const live = async (/** @type {any} */ holder) =>
    (await questions.unexpired(holder, now, { limit: 500, after: undefined })).items.length;
  const at = (/** @type {number} */ round) =>
    /** @type {any} */ (sample.tokens[round % sample.tokens.length]);
  const from = (/** @type {number} */ days) => /** @type {any} */ (sample.lastMs - days * 86_400_000);
  const counts = async (/** @type {object} */ asked) =>
    (await questions.counts(/** @type {any} */ ({ to: sample.lastMs + 1, after: undefined, ...asked })))
      .length;
  return [
    ["newest entries", () => entries({})],
    ["entries of a day in the middle", () => entries({ from: from(45), to: from(44) })],
    ["a page in the middle", () => entries({}, { limit: 50, after: sample.middle })],
    ["entries of a sender that sends much", () => entries({ sender: "agent-0" })],
    ["entries of a sender that sends little", () => entries({ sender: "agent-490" })],
    ["entries of a sender that there is not", () => entries({ sender: "nobody" })],
    ["entries of a caller", (round) => entries({ caller: `caller-${round % 12}` })],
    ["entries of a run", (round) => entries({ run: at(round).run })],
    ["rejections", () => entries({ kind: "rejection" })],
    ["rejections of a sender", (round) => entries({ kind: "rejection", sender: `agent-${round * 3}` })],
    ["rejections with a rare reason", () => entries({ kind: "rejection", reason: "limit_caller" })],
    ["revocations: there are none", () => entries({ kind: "revocation" })],
    ["tokens of a kid that there is not", () => entries({ kid: "another" })],
    ["a token by its id", (round) => entries({ jti: at(round).jti })],
    ["a token by its digest", (round) => entries({ digest: at(round).digest })],
    ["a digest that there is not", () => entries({ digest: "x".repeat(43) })],
    ["live tokens of a sender that sends much", () => live({ kind: "sender", sender: "agent-0" })],
    ["live tokens of a sender that sends little", () => live({ kind: "sender", sender: "agent-490" })],
    ["live tokens of a caller", () => live({ kind: "caller", caller: "caller-0" })],
    ["live tokens of a run that has ended", (round) => live({ kind: "run", run: at(round).run })],
    [
      "the lineage of a token",
      async (round) => (await lineageOf(questions, at(round).jti))?.tree.children.length ?? 0,
    ],
    ["counts of a day by hour", () => counts({ by: "hour", byCaller: false, from: from(1) })],
    ["counts of 31 days by hour", () => counts({ by: "hour", byCaller: false, from: from(31) })],
    ["counts of 30 days by day and caller", () => counts({ by: "day", byCaller: true, from: from(30) })],
    ["counts of 90 days by day", () => counts({ by: "day", byCaller: false, from: from(90) })],
  ];
}

/** @param {string} name @param {(round: number) => Promise<number>} ask */
async function measure(name, ask) {
  const times = [];
  let answer = 0;
  for (let round = -WARM_UPS; round < ROUNDS; round += 1) {
    const begin = performance.now();
    answer = await ask(Math.max(round, 0));
    if (round >= 0) times.push(performance.now() - begin);
  }
  const [middle, worst] = [median(times), Math.max(...times)];
  console.log(
    `| ${name} | ${middle.toFixed(1)} | ${worst.toFixed(1)} | ${answer} rows${middle > GOAL_MS ? ", **over the goal**" : ""} |`,
  );
}
