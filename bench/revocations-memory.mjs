// `node bench/revocations-memory.mjs [REVOCATIONS…]`, after `npm run build`: the resident memory of a service whose store has so many live
// revocations, each of one token by its id, beside the same service with none; 100,000 unless given. The service reads them
// at its start, as a replica does that was restarted, and is looked at for ten seconds once it knows all. Needs Linux (/proc).
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { makeBenchKey } from "./keys.mjs";
import { openStore } from "./ledger/open-store.mjs";
import { residentMemory } from "./process-use.mjs";
import { startServiceForLoad } from "./subjects.mjs";

const counts = process.argv.slice(2).map(Number);
const ROWS_AT_ONCE = 1_000;
const LIFE_SECONDS = 3_600;
const SETTLE_SECONDS = 10;
const folder = mkdtempSync(join(tmpdir(), "macp-auth-bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));

const url = `sqlite:${join(folder, "store.db")}`;
const adminToken = randomBytes(32).toString("base64url");
const settings = {
  MACP_AUTH_SIGNING_KEY_JSON: "",
  MACP_AUTH_STORE_URL: url,
  MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  MACP_AUTH_ADMIN_TOKEN: adminToken,
};
const key = makeBenchKey("ES256");

/** Revokes tokens that nobody has, as the service would write it, up to a number. @param {number} epoch */
async function revokeUpTo(epoch) {
  const { database, close } = await openStore(url);
  await database.write(async (query) => {
    const [state] = await query("SELECT epoch FROM revocation_state WHERE id = 1");
    const from = Number(/** @type {{ epoch: number }} */ (state).epoch) + 1;
    for (let first = from; first <= epoch; first += ROWS_AT_ONCE) await revokeSome(query, first, epoch);
    await query("UPDATE revocation_state SET epoch = $1 WHERE id = 1", [epoch]);
  });
  await close();
}

/**
 * @param {(sql: string) => Promise<unknown>} query
 * @param {number} first
 * @param {number} last
 */
async function revokeSome(query, first, last) {
  const now = Math.floor(Date.now() / 1_000);
  const until = now + LIFE_SECONDS;
  const epochs = Array.from(
    { length: Math.min(ROWS_AT_ONCE, last - first + 1) },
    (_, index) => first + index,
  );
  const named = epochs.map((epoch) => ({ epoch, jti: randomBytes(16).toString("base64url") }));
  const revocations = named.map(
    ({ epoch, jti }) =>
      `(${epoch}, '${randomBytes(12).toString("base64url")}', ${now}000, 'jti', '${jti}', '${jti}', ${until}, 'bench', 'bench', 1, 1)`,
  );
  await query(
    `INSERT INTO revocations (epoch, id, at_ms, kind, subject, subject_key, stops_until, made_by, reason, tokens, agents) VALUES ${revocations.join(",")}`,
  );
  const tokens = named.map(({ epoch, jti }) => `(${epoch}, '${jti}', ${until})`);
  await query(`INSERT INTO revoked_tokens (epoch, jti, stops_until) VALUES ${tokens.join(",")}`);
}

/** The highest and the last resident memory in MB once the service knows them all. @param {number} epoch */
async function memoryWith(epoch) {
  const adminPort = String(20_000 + Math.floor(Math.random() * 30_000));
  const { pid, stop } = await startServiceForLoad(key, { ...settings, MACP_AUTH_ADMIN_PORT: adminPort }, {});
  const began = performance.now();
  while ((await knownAt(adminPort)) < epoch) await pause(50);
  const seconds = (performance.now() - began) / 1_000;
  await pause(SETTLE_SECONDS * 1_000);
  const { nowMb, highestMb } = (await residentMemory(pid)) ?? { nowMb: 0, highestMb: 0 };
  await stop();
  return { nowMb, highestMb, seconds };
}

/** @param {string} port */
async function knownAt(port) {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, {
    headers: { authorization: `Bearer ${adminToken}` },
  }).then(
    (response) => response.json(),
    () => ({}),
  );
  return Number(/** @type {{ revocations?: { epoch?: number } }} */ (answer).revocations?.epoch ?? -1);
}

// The first start makes the tables.
await memoryWith(0);
const { nowMb: baseMb, highestMb: baseHighestMb } = await memoryWith(0);
console.log("| live revocations | resident MB | growth | highest MB |\n|---:|---:|---:|---:|");
console.log(`| none | ${baseMb.toFixed(0)} | – | ${baseHighestMb.toFixed(0)} |`);
for (const count of counts.length > 0 ? counts : [100_000]) {
  await revokeUpTo(count);
  const { nowMb, highestMb } = await memoryWith(count);
  console.log(
    `| ${count.toLocaleString("en")} | ${nowMb.toFixed(0)} | ${(nowMb - baseMb).toFixed(0)} | ${highestMb.toFixed(0)} |`,
  );
}
