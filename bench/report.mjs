/** The goals of the service; each is shown with its result, a missed one as missed. */
const GOALS = {
  managed: 0.97,
  RS256: 0.9,
  ES256: 0.8,
  jwks: 0.8,
  coldStartMs: 300,
  memoryMb: 110,
  growthMbPerMillion: 5,
};

const COLUMNS = [
  "measured",
  "service",
  "floor",
  "oidc-provider",
  "OpenSSL alone",
  "service ÷ floor",
  "service ÷ peer",
  "goal",
  "outcome",
];

/** @typedef {Record<string, string>} Row cells by the name of their column; a cell that is left out is empty */
/**
 * @typedef {object} Results
 * @property {Record<"RS256" | "ES256" | "jwks", import("./throughput.mjs").Throughput>} throughput
 * @property {Record<import("./subjects.mjs").Compared, number>} coldStartMs
 * @property {Record<import("./subjects.mjs").Compared, number> | undefined} memoryAtStartMb
 * @property {import("./memory.mjs").UnderLoad | undefined} memory
 * @property {import("./limit.mjs").Limit | undefined} limit
 */

/**
 * The one table, as Markdown that also reads well in a terminal.
 * @param {Results} results
 * @returns {string}
 */
export function table(results) {
  const rows = [
    ...loadRows("mint RS256", results.throughput.RS256, GOALS.RS256, results.limit?.perSecond.RS256),
    ...loadRows("mint ES256", results.throughput.ES256, GOALS.ES256, results.limit?.perSecond.ES256),
    ...loadRows("JWKS GET", results.throughput.jwks, GOALS.jwks, undefined),
    coldStartRow(results.coldStartMs),
    ...memoryRows(results.memoryAtStartMb, results.memory),
  ];
  const lines = [COLUMNS, ...rows.map((row) => COLUMNS.map((name) => row[name] ?? ""))];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const drawn = lines.map(
    (line) => `| ${line.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(" | ")} |`,
  );
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [drawn[0], rule, ...drawn.slice(1)].join("\n");
}

/**
 * @param {string} name
 * @param {import("./throughput.mjs").Throughput} measured
 * @param {number} goal
 * @param {number | undefined} limit
 * @returns {Row[]}
 */
function loadRows(name, { figures, toFloor, toPeer, managedToService }, goal, limit) {
  /** @param {(figures: import("./throughput.mjs").Figures) => string} show */
  const across = (show) => ({
    service: show(figures.service),
    floor: show(figures.floor),
    "oidc-provider": show(figures.peer),
  });
  const rows = [
    {
      measured: `${name}, requests/s`,
      ...across(({ perSecond }) => whole(perSecond)),
      "OpenSSL alone": limit === undefined ? "" : whole(limit),
      "service ÷ floor": percent(toFloor),
      "service ÷ peer": `${toPeer.toFixed(1)}×`,
      goal: `≥ ${percent(goal)} of floor`,
      outcome: outcome(toFloor >= goal),
    },
    {
      measured: `${name} with managed keys, requests/s`,
      service: whole(figures.managed.perSecond),
      goal: `≥ ${percent(GOALS.managed)} of given keys`,
      outcome: `${percent(managedToService)}, ${outcome(managedToService >= GOALS.managed)}`,
    },
    {
      measured: `${name}, p50 / p99 ms`,
      ...across(({ p50Ms, p99Ms }) => `${p50Ms.toFixed(1)} / ${p99Ms.toFixed(1)}`),
    },
  ];
  if (figures.service.processorUs === undefined) return rows;
  return [
    ...rows,
    { measured: `${name}, processor µs/request`, ...across(({ processorUs }) => whole(processorUs ?? 0)) },
  ];
}

/**
 * @param {Results["coldStartMs"]} coldStartMs
 * @returns {Row}
 */
function coldStartRow({ service, floor, peer }) {
  return {
    measured: "start to first token, ms",
    service: whole(service),
    floor: whole(floor),
    "oidc-provider": whole(peer),
    goal: `≤ ${GOALS.coldStartMs} ms`,
    outcome: outcome(service <= GOALS.coldStartMs),
  };
}

/**
 * @param {Results["memoryAtStartMb"]} atStart
 * @param {Results["memory"]} under
 * @returns {Row[]}
 */
function memoryRows(atStart, under) {
  if (atStart === undefined || under === undefined)
    return [{ measured: "memory", service: "not measured: no /proc here" }];
  return [
    {
      measured: "memory after start, MB",
      service: whole(atStart.service),
      floor: whole(atStart.floor),
      "oidc-provider": whole(atStart.peer),
      goal: `≤ ${GOALS.memoryMb} MB`,
      outcome: outcome(atStart.service <= GOALS.memoryMb),
    },
    {
      measured: `memory over ${whole(under.mints)} ES256 mints, MB min / median / max`,
      service: `${whole(under.minMb)} / ${whole(under.medianMb)} / ${whole(under.maxMb)}`,
      goal: `≤ ${GOALS.memoryMb} MB`,
      outcome: under.settled ? outcome(under.maxMb <= GOALS.memoryMb) : "too short",
    },
    { measured: "the same, highest ever (VmHWM), MB", service: whole(under.highestMb) },
    {
      measured: "the same, growth in MB per 10^6 mints",
      service: under.mbPerMillion.toFixed(1),
      goal: `flat: ≤ ${GOALS.growthMbPerMillion}`,
      outcome: under.settled ? outcome(under.mbPerMillion <= GOALS.growthMbPerMillion) : "too short",
    },
  ];
}

/**
 * docs/benchmarks.md, whole.
 * @param {{ table: string, facts: readonly (readonly [string, string])[], plan: import("./run.mjs").Plan, openssl: string, every: string }} content
 * @returns {string}
 */
export function page({ table: drawn, facts, plan, openssl, every }) {
  return `# Benchmarks

Written by \`npm run bench\`; do not edit. Run it on your own machine: ratios are comparable between machines, absolute numbers are not.

${drawn}

A missed goal is shown as missed.

## Machine

${facts.map(([name, value]) => `- ${name}: ${value}`).join("\n")}

## What is compared

- **service**: \`node service/bin/macp-auth.cjs serve\` with its defaults (one log line for each token, standard output on
  \`/dev/null\`), and a key in \`MACP_AUTH_SIGNING_KEY_JSON\` that is generated for the run.
- **floor**: \`bench/floor.mjs\`, bare \`node:http\`: parses the same body, signs the same claims with \`node:crypto\` in the thread
  pool, answers the same JSON; serves a JWKS rendered at start. No validation, no log, no security headers. It hands each signature to the
  thread pool at once. The service hands over those of one turn of the event loop together, so it can be the faster one.
- **oidc-provider**: \`bench/peer.mjs\`, the \`client_credentials\` grant for a JWT access token with the same claims, by resource
  indicator, with its memory adapter. It also authenticates its client (\`client_secret_basic\`), which the service leaves to
  the surrounding network. Its authors support it on Node.js 22 and later.
- **OpenSSL alone**: \`${openssl}\`, signatures per second, without HTTP.

All run with \`NODE_ENV=production\`, the same key (RSA 2048 bits, P-256) and the same number of signing threads, and a token of
each is verified before the measurement. The loader runs on the same cores as the server that it measures.

## How

- Throughput: ${plan.warmUpSeconds} s of warm-up, then ${plan.rounds} rounds of ${plan.roundSeconds} s each, alternating (service, floor, peer, service, …). The
  table shows medians; a ratio is the median of the ratios of the rounds. Processor time is user and system time of all threads.
- Start: ${plan.starts} new processes each, alternating, from before the process starts to the complete answer of \`POST /tokens\`; median.
- Memory: VmRSS in MB of 10^6 bytes. After start: right after the first token, median of ${plan.memoryStarts} processes. Under load: one
  process, measured every ${every} mints; the first 100,000 are ignored; growth is the slope of a least-squares line.

## Run the benchmark again

\`\`\`sh
npm ci
npm run bench              # about twelve minutes; rewrites this page
npm run bench -- --quick   # a trial of about two minutes; only prints the table
\`\`\`
`;
}

/** @param {boolean} good */
function outcome(good) {
  return good ? "reached" : "missed";
}

/** @type {(cell: string, width: number, column: number) => string} */
function pad(cell, width, column) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** @param {number} value */
function whole(value) {
  return Math.round(value).toLocaleString("en-US");
}

/** @param {number} ratio */
function percent(ratio) {
  return `${(ratio * 100).toFixed(0)} %`;
}
