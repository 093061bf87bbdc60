import type { Stopwatch } from "../kernel/clock.ts";
import { printable } from "../kernel/printable.ts";
import type { KeyDirectory } from "../keys/key-directory.ts";
import type { KeyChange } from "../keys/managed/key-change.ts";
import type { KeySet } from "../keys/managed/key-store.ts";
import type { ManagedKey } from "../keys/managed/managed-key.ts";
import type { ManagedKeys } from "../keys/managed/managed-keys.ts";
import type { RotationAlarm } from "../keys/managed/plan/plan-rotation.ts";
import type { RotationRules } from "../keys/managed/plan/rotation-rules.ts";
import { leaseRoundSeconds } from "../keys/timing.ts";
import type { Log } from "../telemetry/log.ts";
import { activateCommand, fenceWords } from "./words/fence-words.ts";

// What the rounds of upkeep find is reported when it changes, not at each round.

/** Logs when another key begins to sign, or none does. */
export function signingKeyReporter(keys: KeyDirectory, log: Log): () => void {
  const current = (): string | undefined => keys.view().signing?.kid;
  let known = current();
  return () => {
    const kid = current();
    if (kid !== known && kid !== undefined)
      log.info({ event: "signing_key_changed", kid: printable(kid), before: known && printable(known) });
    known = kid ?? known;
  };
}

/** Logs when this replica fences itself off and when it comes back. */
export function fenceReporter(keys: ManagedKeys, log: Log, rules: RotationRules): () => void {
  let known: string | undefined = "not_read_yet";
  return () => {
    const reason = keys.fence();
    const clockOffset = keys.clockOffsetSeconds;
    if (reason !== known && reason === undefined) log.info({ event: "unfenced", version: keys.versionSeen });
    if (reason !== known && reason !== undefined)
      log.error({
        event: "fenced",
        reason,
        message: fenceWords(reason, keys, rules, clockOffset),
        ...(reason === "clock_off" && {
          clock_offset_seconds: clockOffset,
          clock_offset_seconds_max: rules.timing.clockSkewSeconds,
          next_look_seconds: leaseRoundSeconds(rules.timing),
        }),
      });
    known = reason;
  };
}

/** The stamps of a key, and the change that gives each. */
const STAMPS = {
  publishedFrom: "publish",
  signingFrom: "activate",
  retiringFrom: "deactivate",
  taintedFrom: "taint",
  revokedFrom: "revoke",
  retiredFrom: "retire",
} as const satisfies Partial<Record<keyof ManagedKey, KeyChange["kind"]>>;

/** Logs each change of the keys once: `made` those that this replica made, `seen` those of others, found in a set that was read. */
export function changeReporter(log: Log): {
  made(changes: readonly KeyChange[]): void;
  seen(set: KeySet | undefined): void;
} {
  let known: KeySet | undefined;
  const reported = new Set<string>();
  return {
    made(changes) {
      for (const { kind, kid } of changes) {
        reported.add(`${kind} ${kid}`);
        log.info({ event: "key_changed", change: kind, kid: printable(kid) });
      }
    },
    seen(set) {
      const before = new Map(known?.keys.map((key) => [key.kid, key]));
      const first = known === undefined;
      known = set;
      if (first || set === undefined) return;
      for (const key of set.keys) {
        for (const change of changesBetween(before.get(key.kid), key)) {
          if (reported.has(`${change} ${key.kid}`)) continue;
          const reason = key.reason === undefined ? undefined : printable(key.reason);
          log.info({ event: "key_changed", change, kid: printable(key.kid), reason, elsewhere: true });
        }
      }
      reported.clear();
    },
  };
}

function changesBetween(before: ManagedKey | undefined, key: ManagedKey): KeyChange["kind"][] {
  const stamps = Object.keys(STAMPS) as (keyof typeof STAMPS)[];
  return stamps
    .filter((stamp) => key[stamp] !== undefined && before?.[stamp] === undefined)
    .map((stamp) => STAMPS[stamp]);
}

/** How long an alarm that stays is not reported again. */
const ALARM_AGAIN_SECONDS = 3_600;

/** Logs an alarm when a round begins to find it, and once an hour while rounds still find it. */
export function alarmReporter(stopwatch: Stopwatch, log: Log): (alarms: readonly RotationAlarm[]) => void {
  let reported = new Map<string, number>();
  return (alarms) => {
    const now = stopwatch.elapsed();
    const before = reported;
    reported = new Map();
    for (const alarm of alarms) {
      const subject = `${alarm.kind} ${alarm.kind === "too_many_keys" ? alarm.alg : alarm.kid}`;
      const reportedAt = before.get(subject) ?? Number.NEGATIVE_INFINITY;
      const again = now - reportedAt >= ALARM_AGAIN_SECONDS;
      reported.set(subject, again ? now : reportedAt);
      if (again) log.warn({ event: "key_alarm", message: wordsFor(alarm), alarm: alarm.kind });
    }
  };
}

function wordsFor(alarm: RotationAlarm): string {
  switch (alarm.kind) {
    case "overdue":
      return `the key ${alarm.kid} should have stopped signing ${String(alarm.sinceSeconds)} s ago, and no successor is ready`;
    case "verifiers_behind":
      return behindWords(alarm);
    case "too_many_keys":
      return `the JWKS holds as many ${alarm.alg} keys as verifiers should have to try; the next is made when one retires`;
  }
}

function behindWords({
  kid,
  verifiers,
  untracked,
  held,
}: Extract<RotationAlarm, { kind: "verifiers_behind" }>): string {
  const who = [
    ...(verifiers.length > 0
      ? [`${String(verifiers.length)} verifiers have not fetched the key ${kid} yet`]
      : []),
    ...untracked.map(
      ({ address, fetches }) =>
        `${String(fetches)} fetches, the last from ${printable(address)}, came from untracked verifiers, which may lack the key ${kid}`,
    ),
  ];
  const waits = `; its activation waits for them, or for: ${activateCommand(kid, "verifiers-behind")}`;
  return `${who.join("; ")}${held ? waits : ""}`;
}
