import type { Clock, Stopwatch } from "../kernel/clock.ts";
import { printable } from "../kernel/printable.ts";
import type { KeyDirectory } from "../keys/key-directory.ts";
import type { ManagedKeys } from "../keys/managed-keys.ts";
import type { RotationAlarm } from "../keys/plan-rotation.ts";
import type { Log } from "../telemetry/log.ts";

// What the rounds of upkeep find is told when it changes, not at each round.

/** Logs when another key begins to sign, or none does. */
export function signingKeyTeller(keys: KeyDirectory, clock: Clock, log: Log): () => void {
  const current = (): string | undefined => keys.viewAt(clock.now()).signing?.kid;
  let known = current();
  return () => {
    const kid = current();
    if (kid !== known && kid !== undefined)
      log.info({ event: "signing_key_changed", kid: printable(kid), before: known && printable(known) });
    known = kid ?? known;
  };
}

/** Logs when this replica fences itself off and when it comes back. */
export function fenceTeller(keys: ManagedKeys, clock: Clock, log: Log): () => void {
  let known: string | undefined = "not_read_yet";
  return () => {
    const reason = keys.fenceAt(clock.now());
    if (reason !== known && reason !== undefined) {
      log.error({
        event: "fenced",
        reason,
        message:
          reason === "no_active_key"
            ? "no key may sign: this replica mints nothing"
            : "this replica neither signs nor serves the JWKS until it reads the store again",
      });
    } else if (reason !== known) log.info({ event: "unfenced", version: keys.versionSeen });
    known = reason;
  };
}

/** How long an alarm that stays is not told again. */
const ALARM_AGAIN_SECONDS = 3_600;

/** Logs an alarm when a round begins to find it, and once an hour while rounds go on to. */
export function alarmTeller(stopwatch: Stopwatch, log: Log): (alarms: readonly RotationAlarm[]) => void {
  let told = new Map<string, number>();
  return (alarms) => {
    const now = stopwatch.elapsed();
    const before = told;
    told = new Map();
    for (const alarm of alarms) {
      const subject = `${alarm.kind} ${alarm.kind === "too_many_keys" ? alarm.alg : alarm.kid}`;
      const toldAt = before.get(subject) ?? Number.NEGATIVE_INFINITY;
      const again = now - toldAt >= ALARM_AGAIN_SECONDS;
      told.set(subject, again ? now : toldAt);
      if (again) log.warn({ event: "key_alarm", message: wordsFor(alarm), alarm: alarm.kind });
    }
  };
}

function wordsFor(alarm: RotationAlarm): string {
  switch (alarm.kind) {
    case "overdue":
      return `the key ${alarm.kid} should have stopped signing ${String(alarm.sinceSeconds)} s ago, and no successor is ready`;
    case "verifiers_behind":
      return `${String(alarm.verifiers.length)} verifiers have not fetched the key ${alarm.kid} yet${alarm.held ? "; its activation waits for them" : ""}`;
    case "too_many_keys":
      return `the JWKS holds as many ${alarm.alg} keys as verifiers should have to try; the next is made when one retires`;
  }
}
