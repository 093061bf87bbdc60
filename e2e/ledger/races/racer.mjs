// One replica of a race, run by races.e2e.test.ts: a process with a chain, a view of what is revoked and connections of its own. It
// carries out one order at a time.
import { built } from "../../support/built.mjs";

/** @type {typeof import("../../../service/src/config/store-url.ts")} */
const { parseStoreUrl } = await built("config/store-url");
/** @type {typeof import("../../../service/src/kernel/clock.ts")} */
const { systemClock, systemStopwatch } = await built("kernel/clock");
/** @type {typeof import("../../../service/src/kernel/ids.ts")} */
const { newJti } = await built("kernel/ids");
/** @type {typeof import("../../../service/src/kernel/random.ts")} */
const { systemRandom } = await built("kernel/random");
/** @type {typeof import("../../../service/src/kernel/timers.ts")} */
const { systemTimers } = await built("kernel/timers");
/** @type {typeof import("../../../service/src/ledger/ledger.ts")} */
const { durableLedger } = await built("ledger/ledger");
/** @type {typeof import("../../../service/src/ledger/revocation/revocation-view.ts")} */
const { POLL_EVERY_MS, RevocationView } = await built("ledger/revocation/revocation-view");
/** @type {typeof import("../../../service/src/ledger/revocation/revoke.ts")} */
const { revoke, undo } = await built("ledger/revocation/revoke");
/** @type {typeof import("../../../service/src/ledger/writer.ts")} */
const { LedgerWriter } = await built("ledger/writer");
/** @type {typeof import("../../../service/src/stores/ledger.ts")} */
const { ledgerStore } = await built("stores/ledger");
/** @type {typeof import("../../../service/src/stores/open.ts")} */
const { openDatabase } = await built("stores/open");
/** @type {typeof import("../../../service/src/stores/revocations.ts")} */
const { revocationStore } = await built("stores/revocations");

/** @typedef {import("./racers.ts").Order} Order */
/** @typedef {import("./racers.ts").RacedToken} RacedToken */

const UNHURRIED = 20;
const PAUSE_MS = 10;
const LIFE_SECONDS = 300;
const LIFE_SECONDS_MAX = 3_600;
const random = systemRandom();
const location = parseStoreUrl(process.argv[2] ?? "");
if (location.kind === "fault") throw new Error(location.fault);
const database = await openDatabase(location);
const machine = { clock: systemClock, stopwatch: systemStopwatch, random, timers: systemTimers };
const writer = new LedgerWriter({
  ...machine,
  store: ledgerStore(database),
  nowMs: () => systemClock.nowMs(),
  writer: { version: "1.0.0" },
});
const store = revocationStore(database, LIFE_SECONDS_MAX, systemClock);
const view = new RevocationView({ ...machine, store });
const ledger = durableLedger({ writer, rejections: { note: () => undefined }, revocations: view });
const deps = { ...machine, store, writer, revocations: view };
/** @type {any} */
const by = { caller: "ops", request: { request_id: "r" } };
await view.poll();
systemTimers.every(POLL_EVERY_MS, () => void view.poll().catch(() => undefined));

/**
 * Records a token, as a mint does.
 * @param {{ sender: string, caller: string, run?: string | undefined, parent?: RacedToken | undefined }} asked
 */
async function minted({ sender, caller, run, parent }) {
  const iat = systemClock.now();
  /** @type {any} */
  const facts = {
    ...{ jti: newJti(random, iat), kid: "k", alg: "ES256", caller, sender, audience: "a", scopes: {}, run },
    ...{ iat, exp: iat + LIFE_SECONDS, digest: "d", request_id: "r" },
    ...(parent && { parent: parent.jti, root: parent.jti, depth: 1 }),
  };
  /** @type {any} */
  const parentFacts = parent && { jti: parent.jti, sub: parent.sender, iat: parent.iat, kid: "k" };
  return { release: await ledger.recordMint(facts, parentFacts), token: { jti: facts.jti, sender, iat } };
}

/**
 * Mints children until one is stopped.
 * @param {Extract<Order, { kind: "race" }>} order
 */
async function raced({ parent, caller, run }) {
  /** @type {RacedToken[]} */
  const left = [];
  for (;;) {
    const { release, token } = await minted({ sender: "agent://child", caller, run, parent });
    if (release === "stopped") return left;
    if (release === "released") left.push(token);
    if (left.length === 1) process.send?.({ kind: "begun" });
    // Those that come first do not fill the ledger while they wait for the last one.
    if (left.length > UNHURRIED) await systemTimers.delay(PAUSE_MS).over;
  }
}

/**
 * @param {RacedToken} token
 * @returns {boolean}
 */
function isLive({ jti, sender, iat }) {
  /** @type {any} */
  const facts = { jti, sub: sender, iat, kid: "k" };
  return !view.isStopped(facts);
}

/**
 * @param {Order} order
 * @returns {Promise<unknown>}
 */
async function carryOut(order) {
  switch (order.kind) {
    case "mint":
      return minted(order);
    case "race":
      return raced(order);
    case "revoke":
      return revoke(deps, /** @type {any} */ (order.selector), by, "race");
    case "undo":
      return undo(deps, order.epoch, by, "race");
    case "live":
      await view.poll();
      return order.tokens.filter(isLive);
  }
}

process.on("message", (order) => {
  carryOut(/** @type {Order} */ (order)).then(
    (value) => process.send?.({ kind: "done", value }),
    (thrown) => process.send?.({ kind: "failed", fault: String(thrown) }),
  );
});
process.send?.({ kind: "done", value: undefined });
