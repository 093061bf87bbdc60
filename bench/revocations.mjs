// What a million live revocations cost a replica, in memory and for each check. After `npm run build`: node --expose-gc bench/revocations.mjs
import { randomBytes } from "node:crypto";

/** @param {string} name */
const built = (name) => import(new URL(`../service/dist/${name}.js`, import.meta.url).href);
const { RevokedIds } = await built("ledger/revocation/revoked-ids");
const { RevokedSubjects } = await built("ledger/revocation/revoked-subjects");

const COUNT = Number(process.argv[2] ?? 1_000_000);
const LOOKS = 1_000_000;
const now = 1_800_000_000;

function mebibytes() {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1_048_576;
}

/**
 * @template Filled
 * @param {string} name
 * @param {() => Filled} fill
 * @param {(filled: Filled, turn: number) => boolean} look
 */
function measure(name, fill, look) {
  const before = mebibytes();
  const filled = fill();
  const used = mebibytes() - before;
  const began = performance.now();
  let found = 0;
  for (let turn = 0; turn < LOOKS; turn += 1) if (look(filled, turn)) found += 1;
  const nanoseconds = ((performance.now() - began) * 1e6) / LOOKS;
  console.log(
    `${name}: ${COUNT} live, ${used.toFixed(0)} MiB, ${nanoseconds.toFixed(0)} ns a check (${found} found)`,
  );
}

const probes = Array.from({ length: 4_096 }, () => randomBytes(16).toString("base64url"));
measure(
  "ids of tokens",
  () => {
    const ids = new RevokedIds();
    for (let turn = 0; turn < COUNT; turn += 1) {
      const jti = turn < 2_048 ? probes[turn] : randomBytes(16).toString("base64url");
      ids.add({ epoch: turn + 1, jti, until: now + (turn % 3_600) });
    }
    return ids;
  },
  (ids, turn) => ids.has(probes[turn % probes.length]),
);
measure(
  "senders",
  () => {
    const subjects = new RevokedSubjects();
    for (let turn = 0; turn < COUNT; turn += 1)
      subjects.add({
        epoch: turn + 1,
        kind: "sender",
        subject: `agent://a/${turn}`,
        cutOff: now,
        until: now + 3_600,
      });
    return subjects;
  },
  (subjects, turn) => subjects.stoppedBy({ sub: `agent://a/${turn * 2}`, iat: now, kid: "k" }) !== undefined,
);
