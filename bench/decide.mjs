// What one decision of the policy costs, with 10 to 10,000 callers of 10 grants each. Run `npm run build` first.
import { median } from "./stats.mjs";

/** @typedef {typeof import("../service/src/policy/compile-policy.ts")} Compile */
/** @typedef {typeof import("../service/src/policy/decide.ts")} Decide */
/** @typedef {typeof import("../service/src/callers/caller.ts")} Callers */
/** @typedef {typeof import("../service/src/kernel/ids.ts")} Ids */
/** @typedef {import("../service/src/policy/policy.ts").Grant} Grant */
/** @typedef {{ caller: import("../service/src/policy/judge-grant.ts").PolicyCaller, request: import("../service/src/policy/judge-grant.ts").PolicyRequest }} Ask */

const CALLERS = [10, 100, 1_000, 10_000];
const GRANTS = 10;
/** Requests come from this many callers whatever the size of the policy, so that the index is compared and not the processor's cache. */
const ASKING = 10;
const ROUNDS = 41;
const DECISIONS = 20_000;
const FLAT = 0.03;

/**
 * A number in a name, of one length for all: a longer name takes longer to read, and 9,000 is longer than 9. Three digits more in
 * the sender and the names of the grants cost 6 % of a decision, which has nothing to do with the number of callers.
 * @param {number} count
 */
const digits = (count) => String(count).padStart(String(Math.max(...CALLERS)).length, "0");

/** @param {string} file */
const built = (file) => import(String(new URL(`../service/dist/${file}`, import.meta.url)));
const { compilePolicy } = /** @type {Compile} */ (await built("policy/compile-policy.js"));
const { decide } = /** @type {Decide} */ (await built("policy/decide.js"));
const { parseCallerId } = /** @type {Callers} */ (await built("callers/caller.js"));
const { parseSender } = /** @type {Ids} */ (await built("kernel/ids.js"));

/** @param {number} index */
function callerId(index) {
  const id = parseCallerId(`caller-${digits(index)}`);
  if (id === undefined) throw new Error("no id of a caller");
  return id;
}

/**
 * One of the grants of a caller: the last one is a template that gives the token, so that all are tried.
 * @param {number} caller
 * @param {number} grant
 * @returns {Grant}
 */
function grantOf(caller, grant) {
  const own = `agent://team-${digits(caller)}/g${String(grant)}`;
  return {
    name: `c${digits(caller)}-${String(grant)}`,
    callers: [callerId(caller)],
    senders: grant === GRANTS - 1 ? ["agent://{claims.team}/*"] : [own, `${own}/*`],
    scopes: {
      can_start_sessions: true,
      can_manage_mode_registry: false,
      is_observer: false,
      allowed_modes: ["macp.mode.decision.v1"],
      max_open_sessions: 10,
    },
    unknownScopes: "deny",
    maxTtlSeconds: 600,
    audiences: undefined,
    algorithms: undefined,
    claims: {},
    onExcess: "narrow",
  };
}

/** @param {number} callers */
function compiledFor(callers) {
  const grants = Array.from({ length: callers * GRANTS }, (_, index) =>
    grantOf(Math.floor(index / GRANTS), index % GRANTS),
  );
  const rules = { audience: "macp-runtime", defaultTtlSeconds: 300, maxTtlSeconds: 3_600 };
  const compiled = compilePolicy({ grants, denies: [] }, rules);
  if (compiled.kind === "invalid") throw new Error(JSON.stringify(compiled.faults.slice(0, 3)));
  return compiled.policy;
}

/**
 * Requests of callers spread over the policy.
 * @param {number} callers
 * @param {number} asking
 * @returns {Ask[]}
 */
function asksOf(callers, asking) {
  return Array.from({ length: asking }, (_, index) => {
    const caller = Math.floor((index * callers) / asking);
    const sender = parseSender(`agent://team-${digits(caller)}/planner`);
    if (sender === undefined) throw new Error("no sender");
    return {
      caller: { id: callerId(caller), claims: { team: `team-${digits(caller)}` } },
      request: {
        sender,
        scopes: { can_start_sessions: true, allowed_modes: ["macp.mode.decision.v1"], max_open_sessions: 5 },
        ttlSeconds: 300,
        audience: undefined,
        alg: "ES256",
      },
    };
  });
}

/**
 * @param {ReturnType<typeof compiledFor>} policy
 * @param {readonly Ask[]} asks
 * @returns {number} nanoseconds of processor time a decision, which other processes do not lengthen
 */
function nanosecondsOf(policy, asks) {
  let granted = 0;
  const start = process.cpuUsage();
  for (let done = 0; done < DECISIONS; done += asks.length)
    for (const { caller, request } of asks)
      if (decide(policy, caller, request).kind === "granted") granted += 1;
  const { user, system } = process.cpuUsage(start);
  if (granted < DECISIONS) throw new Error("a request was rejected");
  return ((user + system) * 1_000) / granted;
}

const subjects = CALLERS.map((callers) => {
  const policy = compiledFor(callers);
  return { callers, policy, some: asksOf(callers, ASKING), all: asksOf(callers, callers) };
});
for (const { policy, some, all } of subjects)
  for (let round = 0; round < 5; round += 1) [some, all].map((asks) => nanosecondsOf(policy, asks));

// In turns, so that a slow minute of the machine meets all of them; a ratio is taken within its round.
const rounds = Array.from({ length: ROUNDS }, () =>
  subjects.map(({ policy, some, all }) => ({
    some: nanosecondsOf(policy, some),
    all: nanosecondsOf(policy, all),
  })),
);
console.log(
  `A decision that tries ${String(GRANTS)} grants, processor time, medians of ${String(ROUNDS)} rounds`,
);
console.log("callers      ns    to 10   ns, every caller in turn");
let worst = 0;
for (const [index, { callers }] of subjects.entries()) {
  const of = (/** @type {"some" | "all"} */ which) =>
    median(rounds.map((round) => round[index]?.[which] ?? 0));
  const ratio = median(rounds.map((round) => (round[index]?.some ?? 0) / (round[0]?.some ?? 1)));
  worst = Math.max(worst, Math.abs(ratio - 1));
  const cells = [String(callers), of("some").toFixed(0), ratio.toFixed(3), of("all").toFixed(0)];
  console.log(cells.map((cell) => cell.padStart(7)).join("  "));
}
console.log(
  worst <= FLAT ? "flat within 3 %: reached" : `flat within 3 %: missed by ${(100 * worst).toFixed(1)} %`,
);
