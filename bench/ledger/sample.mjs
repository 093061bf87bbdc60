// Names that a filled ledger has, from all of its time.
import { built } from "./open-store.mjs";

/** @type {typeof import("../../service/src/ledger/questions/cursor.ts")} */
const { cursorAt } = await import(built("ledger/questions/cursor.js"));

/** @param {import("../../service/src/stores/sql/database.ts").Database} database */
export async function sampleOf(database) {
  const ask = async (/** @type {string} */ sql, /** @type {(string | number)[]} */ parameters = []) =>
    /** @type {any[]} */ (await database.read((query) => query(sql, parameters)));
  const [{ rows }] = await ask("SELECT sum(entries) AS rows FROM ledger_counts");
  const [{ first, last }] = await ask("SELECT min(at_ms) AS first, max(at_ms) AS last FROM ledger_entries");
  const [firstMs, lastMs] = [Number(first), Number(last)];
  const tokens = [];
  for (let part = 0; part < 10; part += 1) {
    const at = Math.floor(firstMs + ((lastMs - firstMs) * part) / 10);
    const [row] = await ask(
      "SELECT jti, digest, run FROM ledger_entries WHERE at_ms >= $1 AND parent IS NOT NULL ORDER BY at_ms LIMIT 1",
      [at],
    );
    tokens.push(row);
  }
  const middle = cursorAt({ at: Math.floor((firstMs + lastMs) / 2), chain: "", seq: 0 });
  return { rows: Number(rows), firstMs, lastMs, tokens, middle };
}
