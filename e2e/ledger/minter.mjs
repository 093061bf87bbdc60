// Mints and files without a pause until it is killed, run by the tests of what a ledger survives. Prints each token that left: its id and the
// digest of what was signed. `node minter.mjs URL MODE CONCURRENT TOKENS [KILL]`; with KILL it kills
// itself before its n-th send to PostgreSQL.
import { createHash, generateKeyPairSync } from "node:crypto";
import { writeSync } from "node:fs";
import { Socket } from "node:net";
import { built } from "../support/built.mjs";

/** @type {typeof import("../../service/src/config/store-url.ts")} */
const { parseStoreUrl } = await built("config/store-url");
/** @type {typeof import("../../service/src/kernel/clock.ts")} */
const { systemClock, systemStopwatch } = await built("kernel/clock");
/** @type {typeof import("../../service/src/kernel/random.ts")} */
const { systemRandom } = await built("kernel/random");
/** @type {typeof import("../../service/src/kernel/timers.ts")} */
const { systemTimers } = await built("kernel/timers");
/** @type {typeof import("../../service/src/keys/import/import-key.ts")} */
const { importJwk } = await built("keys/import/import-key");
/** @type {typeof import("../../service/src/keys/given/live-keys.ts")} */
const { LiveKeys } = await built("keys/given/live-keys");
/** @type {typeof import("../../service/src/keys/given/plan-file-change.ts")} */
const { ringAtBoot } = await built("keys/given/plan-file-change");
/** @type {typeof import("../../service/src/keys/given/signers-for.ts")} */
const { signersFor } = await built("keys/given/signers-for");
/** @type {typeof import("../../service/src/stores/open.ts")} */
const { openDatabase } = await built("stores/open");
/** @type {typeof import("../../service/src/tokens/mint.ts")} */
const { mint } = await built("tokens/mint");
/** @type {typeof import("../../service/src/tokens/mint-request.ts")} */
const { parseMintRequest } = await built("tokens/mint-request");
/** @type {typeof import("../../service/src/stores/ledger.ts")} */
const { ledgerStore } = await built("stores/ledger");
/** @type {typeof import("../../service/src/ledger/ledger.ts")} */
const { asyncLedger, durableLedger } = await built("ledger/ledger");
/** @type {typeof import("../../service/src/ledger/writer.ts")} */
const { LedgerWriter } = await built("ledger/writer");

const [url = "", mode, concurrent, tokens, kill] = process.argv.slice(2);
const location = parseStoreUrl(url);
if (location.kind === "fault") throw new Error(location.fault);
if (kill !== undefined) killAtSend(Number(kill));

const machine = {
  clock: systemClock,
  stopwatch: systemStopwatch,
  random: systemRandom(),
  timers: systemTimers,
};
const rules = { issuer: "i", audience: "a", defaultTtlSeconds: 300, maxTtlSeconds: 3_600 };
const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const imported = importJwk(JSON.stringify(privateKey.export({ format: "jwk" })));
if (imported.kind !== "imported") throw new Error("the key is not valid");
const keys = new LiveKeys(
  ringAtBoot(imported.keys, systemClock.now()),
  signersFor(imported.keys),
  systemClock,
);
const database = await openDatabase(location);
const store = ledgerStore(database);
const writer = new LedgerWriter({
  ...machine,
  store,
  nowMs: () => systemClock.nowMs(),
  writer: { version: "1.0.0" },
});
const revocations = {
  epoch: 0,
  freshness: () => ({ ageMs: 0, isFresh: true }),
  catchUp: () => Promise.resolve(),
  isStopped: () => false,
  firstFreeSecond: () => undefined,
};
const parts = { writer, revocations, rejections: { note: () => undefined } };
const ledger = mode === "async" ? asyncLedger(parts) : durableLedger(parts);

const text = '{"sender":"agent://a"}';
const parsed = parseMintRequest(JSON.parse(text), text, "ignored");
if (parsed.kind !== "request") throw new Error("the request is not valid");
const { request } = parsed;
/** @type {any} */
const caller = { kind: "anyone" };
/** @type {any} */
const context = { request: { request_id: "r" }, policy: undefined };

let left = Number(tokens);
async function client() {
  while (left > 0) {
    left -= 1;
    const outcome = await mint(
      { ...machine, keys, usage: undefined, rules, ledger },
      caller,
      request,
      { kind: "none" },
      undefined,
      context,
    );
    if (outcome.kind !== "minted") {
      say(`rejected ${outcome.refusal.reason}\n`);
      await systemTimers.delay(50).over;
      continue;
    }
    const input = outcome.token.slice(0, outcome.token.lastIndexOf("."));
    say(`${outcome.claims.jti} ${createHash("sha256").update(input).digest("base64url")}\n`);
  }
}
// Far more often than a service does, so that many of the kills come in the middle of filing.
const FILING_PAUSE_MS = 5;
async function filing() {
  while (left > 0) {
    await systemTimers.delay(FILING_PAUSE_MS).over;
    await store.file().catch(() => undefined);
  }
}
await Promise.all([filing(), ...Array.from({ length: Number(concurrent) }, client)]);
await writer.idle();
await database.close();

/**
 * Written before anything else happens: a kill that comes later takes nothing of it away.
 * @param {string} line
 */
function say(line) {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (thrown) {
      // The reader of the pipe is slower.
      if (/** @type {NodeJS.ErrnoException} */ (thrown).code !== "EAGAIN") throw thrown;
    }
  }
}

/** @param {number} nth */
function killAtSend(nth) {
  let sends = 0;
  /** @type {any} */
  const prototype = Socket.prototype;
  const write = prototype._writeGeneric;
  /** @this {Socket} @param {unknown[]} args */
  prototype._writeGeneric = function (...args) {
    sends += 1;
    if (sends === nth) process.kill(process.pid, "SIGKILL");
    else write.apply(this, args);
  };
}
