// `node bench/ledger/fill.mjs URL ROWS`, after `npm run build`: fills a new store with entries, by SQL that no disk is waited for. A
// million rows take about a minute. PostgreSQL gets them through psql.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { CALLERS, SENDERS, SPAN_MS } from "./made-entries.mjs";
import { built, openStore } from "./open-store.mjs";

const COLUMNS =
  "chain, seq, at_ms, hour, kind, prev, hash, body, jti, digest, sender, caller, run, parent, root, exp";
const COUNT_COLUMNS = "hour, chain, kind, caller, entries, until_hour";
/** @type {typeof import("../../service/src/stores/sql/ledger/schema.ts")} */
const { LEDGER_RARE_INDEXES, LEDGER_TABLES, LEDGER_TAIL } = await import(
  built("stores/sql/ledger/schema.js")
);
const indexName = (/** @type {string} */ statement) => statement.split(" ")[2] ?? "";
/** Built when the rows are there, which is faster. A later step of the schema replaces some. */
const INDEXES = [
  ...new Map(
    [...LEDGER_TABLES.postgres, ...LEDGER_TAIL.postgres, ...LEDGER_RARE_INDEXES]
      .filter((statement) => statement.startsWith("CREATE INDEX ledger_entries"))
      .map((statement) => [indexName(statement), statement]),
  ).values(),
];
const HOUR_MS = 3_600_000;
const PARTITION_HOURS = 168;

/** @param {string} url @param {number} rows @param {number} [nowMs] */
export async function fill(url, rows, nowMs = Date.now()) {
  const store = await openStore(url);
  await store.close();
  if (store.kind === "sqlite") await fillSqlite(store.path, rows, nowMs);
  else await fillPostgres(url, rows, nowMs);
}

/** @param {string} path @param {number} rows @param {number} nowMs */
async function fillSqlite(path, rows, nowMs) {
  const { loadEngine } = await import(built("stores/sqlite/engine.js"));
  const engine = await loadEngine();
  const database = new engine.DatabaseSync(path);
  database.exec(
    "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = FILE",
  );
  // As those of the service: they begin with their time.
  const id = (/** @type {string} */ i) =>
    `printf('%08x%08x%06x', ${i}, (${i}) * 2654435761 % 4294967296, (${i}) * 40503 % 16777216)`;
  const skewed = (/** @type {string} */ i, /** @type {number} */ of) =>
    `(${of} * ((${i}) * 2654435761 % 4294967296 / 65536) / 65536) * ((${i}) * 2654435761 % 4294967296 / 65536) / 65536`;
  for (const statement of script({
    rows,
    nowMs,
    id,
    run: id,
    hash: (i) => `substr(${id(i)} || ${id(i)}, 1, 43)`,
    digest: (i) => `substr(printf('%08x', (${i}) * 2654435761 % 4294967296) || ${id(i)} || ${id(i)}, 1, 43)`,
    skewed,
    format: "printf",
    digits: "printf('%04d', $)",
    series: (first, last) =>
      `(WITH RECURSIVE s(i) AS (SELECT ${first} UNION ALL SELECT i + 1 FROM s WHERE i < ${last}) SELECT i FROM s)`,
  }))
    database.exec(statement);
  database.exec("PRAGMA journal_mode = WAL");
  database.close();
}

/** @param {string} url @param {number} rows @param {number} nowMs */
async function fillPostgres(url, rows, nowMs) {
  await psql(url, makePartitions(nowMs));
  await psql(url, postgresScript(rows, nowMs));
}

/** @param {number} rows @param {number} nowMs */
function* postgresScript(rows, nowMs) {
  yield "SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET jit = off";
  const id = (/** @type {string} */ i) => `lpad(to_hex(${i}), 8, '0') || substr(md5((${i})::text), 1, 14)`;
  yield* script({
    rows,
    nowMs,
    id,
    run: (i) => `substr(md5('r' || ${i}), 1, 22)`,
    hash: (i) => `md5('h' || ${i}) || '-----------'`,
    digest: (i) => `md5('d' || ${i}) || '-----------'`,
    skewed: (i, of) =>
      `floor(${of} * power(((${i}) * 2654435761 % 4294967296) / 4294967296.0, 2)::float8)::int`,
    format: "format",
    digits: "lpad(($)::text, 4, '0')",
    series: (first, last) => `generate_series(${first}::bigint, ${last}) AS s(i)`,
  });
  yield "VACUUM ANALYZE ledger_entries";
  yield "VACUUM ANALYZE ledger_counts";
  yield "CHECKPOINT";
}

/**
 * Statements that make entries on the server: 90 days up to now, the twentieth part of them in the last hour. Their hashes are none.
 * @param {{ rows: number, nowMs: number, id: (i: string) => string, run: (i: string) => string, hash: (i: string) => string, digest: (i: string) => string, skewed: (i: string, of: number) => string, format: string, digits: string, series: (first: number, last: number) => string }} words
 */
function* script({ rows, nowMs, id, run, hash, digest, skewed, format, digits, series }) {
  const last = nowMs - HOUR_MS;
  const late = Math.floor(0.95 * rows);
  for (const index of INDEXES) yield `DROP INDEX ${indexName(index)}`;
  for (let first = 0; first < rows; first += 250_000)
    yield `INSERT INTO ledger_entries (${COLUMNS})
      SELECT 'bench-chain-' || ${digits.replace("$", `i * 9 / ${rows} * 3 + i / 64 % 3`)}, i, at_ms, at_ms / ${HOUR_MS}, kind, ${hash("i - 1")}, ${hash("i")},
             CASE kind WHEN 'mint' THEN ${format}('${MINT_BODY}', i, at_ms, jti, caller, sender, at_ms / 1000, at_ms / 1000 + 300, run, digest, jti)
             ELSE ${format}('${REJECTION_BODY}', i, at_ms, caller, sender, jti) END,
             CASE kind WHEN 'mint' THEN jti END, CASE kind WHEN 'mint' THEN digest END, sender, caller,
             CASE kind WHEN 'mint' THEN run END,
             CASE WHEN kind = 'mint' AND i % 20 BETWEEN 1 AND 9 THEN ${id("i - 1")} END,
             CASE WHEN kind = 'mint' AND i % 20 BETWEEN 1 AND 9 THEN ${id("i / 20 * 20")} WHEN kind = 'mint' THEN jti END,
             CASE kind WHEN 'mint' THEN at_ms / 1000 + 300 END
      FROM (SELECT i, CASE WHEN i % 50 = 49 THEN 'rejection' ELSE 'mint' END AS kind, ${id("i")} AS jti, ${digest("i")} AS digest, ${run("i / 20")} AS run,
                   'caller-' || (${skewed("i", CALLERS)}) AS caller, 'agent-' || (${skewed("i * 7", SENDERS)}) AS sender,
                   CASE WHEN i < ${late} THEN ${last} - ${SPAN_MS} + ${SPAN_MS} / 1000 * i / ${late} * 1000 + i % 1000
                        ELSE ${last} + ${HOUR_MS} * (i - ${late}) / ${rows - late} END AS at_ms
            FROM ${series(first, Math.min(first + 250_000, rows) - 1)}) AS made`;
  for (const index of INDEXES) yield index;
  yield `INSERT INTO ledger_counts (${COUNT_COLUMNS}) SELECT hour, chain, kind, caller, count(*), coalesce(max(exp) / 3600, 0) FROM ledger_entries GROUP BY hour, chain, kind, caller`;
  yield "INSERT INTO ledger_chains (chain, seq, hash, at_ms) SELECT chain, max(seq), '-', max(at_ms) FROM ledger_entries GROUP BY chain";
}

const MINT_BODY =
  '{"v":1,"chain":"bench-chain-0000","seq":%s,"at":%s,"kind":"mint","jti":"%s","kid":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs","alg":"RS256","caller":"%s","proof":"secret","sender":"%s","audience":"macp-runtime","scopes_asked":{"can_start_sessions":true,"allowed_modes":["macp.mode.decision.v1"]},"scopes":{"can_start_sessions":true,"allowed_modes":["macp.mode.decision.v1"],"is_observer":false},"ttl_asked":300,"iat":%s,"exp":%s,"policy":"c2hhMjU2LW9mLXRoZS1wb2xpY3ktaW4tZm9yY2UtaGVyZQ","grant":"orchestrators","run":"%s","digest":"%s","request_id":"%s","address":"10.20.30.40"}';
const REJECTION_BODY =
  '{"v":1,"chain":"bench-chain-0000","seq":%s,"at":%s,"kind":"rejection","caller":"%s","sender":"%s","reason":"not_allowed","status":403,"request_id":"%s","address":"10.20.30.40"}';

/** The weeks of the entries; that of now is there. @param {number} nowMs */
function* makePartitions(nowMs) {
  const week = PARTITION_HOURS * HOUR_MS;
  for (let first = Math.floor(nowMs / week) - 13; first < Math.floor(nowMs / week); first += 1) {
    const hour = first * PARTITION_HOURS;
    yield `CREATE TABLE ledger_entries_h${hour} PARTITION OF ledger_entries FOR VALUES FROM (${hour}) TO (${hour + PARTITION_HOURS})`;
  }
}

/** @param {string} url @param {Iterable<string>} statements */
async function psql(url, statements) {
  const { schema, server } = placeOf(url);
  const child = spawn("psql", ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", server], {
    stdio: ["pipe", "ignore", "inherit"],
    env: { ...process.env, PGOPTIONS: schema === null ? "" : `-c search_path=${schema}` },
  });
  const ended = once(child, "exit");
  for (const text of statements)
    if (!child.stdin.write(`${text};\n`)) await Promise.race([once(child.stdin, "drain"), ended]);
  child.stdin.end();
  const [code] = await ended;
  if (code !== 0) throw new Error(`psql ended with ${String(code)}`);
}

/** @param {string} url */
function placeOf(url) {
  const server = new URL(url);
  const schema = server.searchParams.get("schema");
  server.searchParams.delete("schema");
  return { server: server.href, schema };
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const [, , url = "", rows = "1000000"] = process.argv;
  const begin = performance.now();
  await fill(url, Number(rows));
  console.log(`${rows} rows in ${((performance.now() - begin) / 1_000).toFixed(0)} s`);
}
