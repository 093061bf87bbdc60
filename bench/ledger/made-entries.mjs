// Entries as a busy service writes them, for the ledger's benches.
import { createHash, randomBytes } from "node:crypto";

/** @typedef {import("../../service/src/ledger/entry.ts").Entry} Entry */

export const SPAN_MS = 90 * 86_400_000;
export const SENDERS = 500;
export const CALLERS = 12;
const TTL_SECONDS = 300;
/** So many tokens have one run. */
const RUN_TOKENS = 20;

/** @returns {(at: number) => Entry} */
export function entryMaker() {
  let count = 0;
  let run = newId();
  /** @type {{ jti: string, root: string } | undefined} */
  let parent;
  return (at) => {
    count += 1;
    if (count % RUN_TOKENS === 1) {
      run = newId();
      parent = undefined;
    }
    if (count % 50 === 0) return rejection(count);
    const facts = mintFacts(count, at, run, parent);
    // The first token of a run has the children of the next nine, each of them one of its own.
    if (count % RUN_TOKENS < 10) parent = { jti: facts.jti, root: facts.root ?? facts.jti };
    else parent = undefined;
    return /** @type {Entry} */ (/** @type {unknown} */ ({ kind: "mint", facts }));
  };
}

const newId = () => randomBytes(16).toString("base64url");
/** Few send much, many send little. @param {number} count @param {number} of */
const skewed = (count, of) => Math.floor(of * ((Math.imul(count, 2_654_435_761) >>> 0) / 2 ** 32) ** 2);

/** @param {number} count @param {number} at @param {string} run @param {{ jti: string, root: string } | undefined} parent */
function mintFacts(count, at, run, parent) {
  const jti = newId();
  const iat = Math.floor(at / 1_000);
  return {
    jti,
    kid: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    alg: "RS256",
    caller: `caller-${skewed(count, CALLERS)}`,
    proof: "secret",
    sender: `agent-${skewed(count * 7, SENDERS)}`,
    audience: "macp-runtime",
    scopes_asked: { can_start_sessions: true, allowed_modes: ["macp.mode.decision.v1"] },
    scopes: { can_start_sessions: true, allowed_modes: ["macp.mode.decision.v1"], is_observer: false },
    ttl_asked: TTL_SECONDS,
    iat,
    exp: iat + TTL_SECONDS,
    policy: "c2hhMjU2LW9mLXRoZS1wb2xpY3ktaW4tZm9yY2UtaGVyZQ",
    grant: "orchestrators",
    run,
    ...(parent && { parent: parent.jti, root: parent.root }),
    digest: createHash("sha256").update(jti).digest("base64url"),
    request_id: newId(),
    address: "10.20.30.40",
  };
}

/** @param {number} count @returns {Entry} */
function rejection(count) {
  return /** @type {Entry} */ (
    /** @type {unknown} */ ({
      kind: "rejection",
      facts: {
        caller: `caller-${skewed(count, CALLERS)}`,
        sender: `agent-${skewed(count * 7, SENDERS)}`,
        reason: count % 1_000 === 0 ? "limit_caller" : "not_allowed",
        status: 403,
        request_id: newId(),
        address: "10.20.30.40",
      },
    })
  );
}
