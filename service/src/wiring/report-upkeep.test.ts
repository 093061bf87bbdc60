import { expect, test } from "vitest";
import { ManagedKeys } from "../keys/managed/managed-keys.ts";
import type { RotationAlarm } from "../keys/managed/plan/plan-rotation.ts";
import { rotate } from "../keys/managed/rotate.ts";
import { memoryKeyStore } from "../stores/memory/key-store.ts";
import { openLog } from "../telemetry/log.ts";
import { custodyOf, keksUnder } from "../testing/custodies.ts";
import { kidOf } from "../testing/forged.ts";
import { keySet, NOW, RULES, signingKey, standbyKey, untrackedFetches } from "../testing/managed-key-sets.ts";
import { TestClock } from "../testing/moments.ts";
import { alarmReporter, changeReporter, fenceReporter } from "./report-upkeep.ts";

function alarmLog() {
  const lines: string[] = [];
  const stopwatch = { seconds: 0, elapsed: () => stopwatch.seconds };
  const report = alarmReporter(stopwatch, openLog("info", { write: (line) => lines.push(line) }));
  return {
    /** One round, `afterSeconds` after the one before; what it logged. */
    round: (afterSeconds: number, ...alarms: readonly RotationAlarm[]): string[] => {
      stopwatch.seconds += afterSeconds;
      report(alarms);
      return lines.splice(0).map((line) => (JSON.parse(line) as { message: string }).message);
    },
  };
}

const overdue = (kid: string, sinceSeconds: number): RotationAlarm => ({
  kind: "overdue",
  alg: "ES256",
  kid: kidOf(kid),
  sinceSeconds,
});

test("an alarm that stays is reported at once and then every hour, not at each round", () => {
  const { round } = alarmLog();
  expect(round(0, overdue("a", 5))).toEqual([
    "the key a should have stopped signing 5 s ago, and no successor is ready",
  ]);
  const quiet = Array.from({ length: 359 }, (_, index) => round(10, overdue("a", 15 + 10 * index)));
  expect(quiet.flat()).toEqual([]);
  expect(round(10, overdue("a", 3_605))).toEqual([
    "the key a should have stopped signing 3605 s ago, and no successor is ready",
  ]);
  expect(round(10, overdue("a", 3_615))).toEqual([]);
});

test("an alarm that comes back is reported again, and one about another key is reported beside it", () => {
  const { round } = alarmLog();
  expect(round(0, overdue("a", 5))).toHaveLength(1);
  expect(round(10)).toEqual([]);
  expect(round(10, overdue("a", 25), overdue("b", 1), { kind: "too_many_keys", alg: "ES256" })).toHaveLength(
    3,
  );
  expect(round(10, overdue("b", 11), { kind: "too_many_keys", alg: "RS256" })).toEqual([
    "the JWKS holds as many RS256 keys as verifiers should have to try; the next is made when one retires",
  ]);
});

test("an alarm about untracked verifiers names their address, and the command that does not wait for them", () => {
  const { round } = alarmLog();
  const blind = {
    kind: "verifiers_behind",
    kid: kidOf("a"),
    verifiers: [],
    untracked: [untrackedFetches("10.0.0.9", 4)],
  } as const;
  expect(round(0, { ...blind, held: true })).toEqual([
    "3 fetches, the last from 10.0.0.9, came from untracked verifiers, which may lack the key a; its activation waits for them, or for: macp-auth keys activate --accept-verifiers-behind a",
  ]);
});

test("each change of the keys is reported once: what was made here, and what others made, with their reason", () => {
  const lines: object[] = [];
  const report = changeReporter(openLog("info", { write: (line) => lines.push(JSON.parse(line) as object) }));
  const [old, next] = [signingKey("old"), standbyKey("next")];
  report.seen(keySet([old, next]));
  expect(lines).toEqual([]);

  report.made([{ kind: "activate", kid: next.kid, lifeSeconds: 1, maxTtlSeconds: 1 }]);
  const revoked = { ...old, retiringFrom: NOW, revokedFrom: NOW, reason: "laptop\nstolen" };
  const after = keySet([revoked, { ...next, signingFrom: NOW }, standbyKey("third")]);
  report.seen(after);
  report.seen(after);
  expect(lines).toMatchObject([
    { event: "key_changed", change: "activate", kid: "next" },
    { change: "deactivate", kid: "old", elsewhere: true },
    { change: "revoke", kid: "old", elsewhere: true, reason: "laptop\\u{a}stolen" },
    { change: "publish", kid: "third", elsewhere: true },
  ]);
});

test.each([
  [40, 0, "the store's is 40 s ahead of this machine's, and 5 s are allowed"],
  [-40, 0, "the store's is 40 s behind this machine's, and 5 s are allowed"],
  // Set forward after the beat: the store's clock is what it was.
  [0, 90, "the store's is 90 s behind this machine's, and 5 s are allowed"],
])(
  "a replica whose clock is off says by how much, what is allowed, and when it looks again (%i, then set by %i)",
  async (storeAhead, setBy, words) => {
    const lines: object[] = [];
    const clock = new TestClock();
    const custody = custodyOf(keksUnder(7));
    const store = memoryKeyStore(new TestClock(clock.now() + storeAhead));
    const keys = new ManagedKeys({
      store,
      custody,
      clock,
      stopwatch: { elapsed: () => 0 },
      ...RULES,
      replicaId: "one",
      versionSeenBefore: 0,
    });
    await rotate({ store, custody, rules: RULES });
    await keys.renew();
    clock.move(setBy);
    const log = openLog("info", { write: (line) => lines.push(JSON.parse(line) as object) });
    const report = fenceReporter(keys, log, RULES);
    report();
    report();
    expect(lines).toMatchObject([
      {
        event: "fenced",
        reason: "clock_off",
        message: `this replica neither signs nor serves the JWKS until its clock and the store's agree: ${words}; set the one that is wrong (NTP). They are compared again every 10 s`,
        clock_offset_seconds: storeAhead - setBy,
        clock_offset_seconds_max: 5,
        next_look_seconds: 10,
      },
    ]);
  },
);
