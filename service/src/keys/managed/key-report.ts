import { KEY_STATES } from "../key-state.ts";
import { revocationSeconds } from "../timing.ts";
import type { KeySet, UntrackedFetches, VerifierSighting } from "./key-store.ts";
import { isServed, isSigning, isStandby, type ManagedKey, removableFrom, stateOf } from "./managed-key.ts";
import type { OperationReport, UndoneReport } from "./operate.ts";
import type { KeyFacts, KeysFacts, OperationAnswer, UntrackedLine, VerifierLine } from "./operator-shapes.ts";
import { fleetRules } from "./plan/fleet-rules.ts";
import { dueAt } from "./plan/plan-rotation.ts";
import type { RotationRules } from "./plan/rotation-rules.ts";
import { readyFrom } from "./plan/unserved-gap.ts";

/** The report of a set; keys that are gone are omitted unless `all`. Pure. */
export function reportOf(set: KeySet, own: RotationRules, all = false): KeysFacts {
  const rules = fleetRules(own, set);
  const shown = set.keys.filter((key) => all || isServed(key));
  const lines = shown.map((key) => lineOf(key, set, rules));
  return {
    version: set.version,
    now: set.now,
    keys: lines.toSorted(
      (one, other) =>
        KEY_STATES.indexOf(one.state) - KEY_STATES.indexOf(other.state) ||
        other.published_from - one.published_from,
    ),
    verifiers: set.verifiers.map((verifier) => verifierLine(verifier, set.version, rules)),
    untracked: set.untracked.map(untrackedLine),
  };
}

/** What to answer to an operator; `after` is the set as it is now, and `outageText` says why nothing was done. Pure. */
export function answerOf(
  report: OperationReport,
  after: KeySet,
  own: RotationRules,
  outageText: (report: UndoneReport) => string,
): OperationAnswer {
  const rules = fleetRules(own, after);
  if (report.kind !== "done") {
    const accept = report.kind === "rejected" && "accept" in report ? { accept: report.accept } : {};
    return { done: false, rejected: { reason: reasonOf(report), outage: outageText(report), ...accept } };
  }
  const changes = report.changes.map((change) => ({ change: change.kind, kid: change.kid }));
  if (!report.changes.some((change) => change.kind === "revoke")) return { done: true, changes };
  const { refreshing, inGrace } = revocationSeconds(rules.timing);
  return {
    done: true,
    changes,
    still_accepted: { refreshing_seconds: refreshing, in_grace_seconds: inGrace },
    verifiers_not_seen_since: after.verifiers
      .filter((verifier) => verifier.version < after.version)
      .map((verifier) => verifierLine(verifier, after.version, rules)),
    untracked_since: after.untracked
      .filter(({ version, seenAt }) => version < after.version && after.now - seenAt <= inGrace)
      .map(untrackedLine),
  };
}

function reasonOf(report: UndoneReport): string {
  switch (report.kind) {
    case "lost":
      return "lost_race";
    case "doubted":
      return report.doubt;
    case "rejected":
      return report.reason;
  }
}

function lineOf(key: ManagedKey, set: KeySet, rules: RotationRules): KeyFacts {
  return {
    kid: key.kid,
    alg: key.alg,
    state: stateOf(key),
    served: isServed(key),
    signs: isSigning(key),
    published_from: key.publishedFrom,
    ready_from: isStandby(key) ? readyFrom(key, set, rules) : null,
    signing_from: key.signingFrom ?? null,
    retiring_from: key.retiringFrom ?? null,
    removable_from: isServed(key) ? (removableFrom(key, rules.timing) ?? null) : null,
    gone_from: key.revokedFrom ?? key.retiredFrom ?? null,
    last_exp: key.maxExp === 0 ? null : key.maxExp,
    reason: key.reason ?? null,
    next: nextOf(key, set, rules),
  };
}

function nextOf(key: ManagedKey, set: KeySet, rules: RotationRules): KeyFacts["next"] {
  switch (stateOf(key)) {
    case "standby": {
      const ready = readyFrom(key, set, rules);
      if (set.now < ready) return { event: "becomes_ready", at: ready };
      const signing = set.keys.find((other) => isSigning(other) && other.alg === key.alg);
      return { event: "begins_to_sign", at: signing === undefined ? null : dueAt(signing, rules) };
    }
    case "signing":
      return { event: "stops_signing", at: dueAt(key, rules) };
    case "retiring":
    case "tainted":
      return { event: "leaves_jwks", at: removableFrom(key, rules.timing) ?? null };
    case "revoked":
    case "retired":
      return { event: "none", at: null };
  }
}

function untrackedLine({ version, address, seenAt, fetches }: UntrackedFetches): UntrackedLine {
  return { version, address, seen_at: seenAt, fetches };
}

/** The number of fetches from which the cache time of a verifier can be judged. */
const FETCHES_TELLING = 20;
/** How much later than its cache time a busy verifier may fetch. */
const FETCH_SLACK_SECONDS = 10;

function verifierLine(
  verifier: VerifierSighting,
  version: number,
  { timing }: Pick<RotationRules, "timing">,
): VerifierLine {
  const { address, userAgent, seenAt, fetches, minIntervalSeconds } = verifier;
  const slow = (minIntervalSeconds ?? 0) > timing.verifierTtlSeconds + FETCH_SLACK_SECONDS;
  return {
    address,
    user_agent: userAgent,
    version: verifier.version,
    seen_at: seenAt,
    fetches,
    min_interval_seconds: minIntervalSeconds ?? null,
    slower_than_declared: slow && fetches >= FETCHES_TELLING,
    up_to_date: verifier.version >= version,
  };
}
