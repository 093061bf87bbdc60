import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mayLeavePostgresOut } from "../../service/src/testing/store-places.ts";
import { documentedMetrics, textOf } from "../support/documents.ts";
import { HAS_REDIS } from "../support/redis-server.ts";
import { type Fleet, figuresOf, startFleet } from "./fleet.ts";
import { ACTS, everyday, LOOK_MS, strange } from "./story.ts";

/** What takes hours, or very many clients, to move: service/src/telemetry/metrics-move.test.ts moves it. */
const ELSEWHERE = [
  "macp_auth_events_dead",
  "macp_auth_fetches_dropped_total",
  "macp_auth_key_alarms_total",
  "macp_auth_ledger_lost_total",
  "macp_auth_limits_overflows_total",
  "macp_auth_rotation_overdue",
  "macp_auth_untracked_fetches",
  "macp_auth_verifiers_slower_than_declared",
];

/** Stands in everything that strangers send, and may stand in no label. */
const MARK = "zq7mark";

/** How often the story is played at most. */
const DAYS_MAX = 3;
/** How long an act lasts that ends. */
const LASTS_MS = 1_200;
const isLeftOut = mayLeavePostgresOut() || !HAS_REDIS;

describe.skipIf(isLeftOut)(
  "a day of a fleet (skipped without MACP_TEST_POSTGRES_URL or redis-server)",
  () => {
    let fleet: Fleet;
    /** For each metric of a service, each set of samples that was seen, as text. */
    const seen = new Map<string, Set<string>>();

    const look = async (): Promise<void> => {
      for (const member of fleet.members) {
        const figures = new Map<string, string>();
        // 0 counts as absent: a counter that appears has not moved.
        for (const line of (await figuresOf(member)).split("\n").filter((one) => !one.endsWith(" 0"))) {
          const metric = (/^macp_auth_\w+/.exec(line)?.[0] ?? "").replace(/_(?:bucket|sum|count)$/, "");
          if (metric !== "") figures.set(metric, `${figures.get(metric) ?? ""}${line}\n`);
        }
        for (const metric of documentedMetrics()) {
          const key = `${metric} ${member.name}`;
          seen.set(key, (seen.get(key) ?? new Set()).add(figures.get(metric) ?? ""));
        }
      }
    };

    beforeAll(async () => {
      fleet = await startFleet();
      const day = { isOver: false };
      const looks = (async () => {
        while (!day.isOver) {
          await look();
          await pause(LOOK_MS);
        }
      })();
      // On a busy machine a look may miss what lasts for a moment: the next day has it again.
      for (let days = 0; days < DAYS_MAX && (days === 0 || still().length > 0); days += 1) {
        for (const { begin, end } of ACTS) {
          await everyday(fleet);
          await begin(fleet);
          if (end !== undefined) await pause(LASTS_MS);
          await end?.(fleet);
        }
        await everyday(fleet);
        await pause(LASTS_MS);
      }
      day.isOver = true;
      await looks;
      await look();
    }, 180_000);
    afterAll(() => fleet.end());

    const isMoved = (metric: string): boolean =>
      fleet.members.some(({ name }) => (seen.get(`${metric} ${name}`)?.size ?? 0) > 1);
    const still = (): readonly string[] =>
      [...documentedMetrics()].filter((metric) => !isMoved(metric) && !ELSEWHERE.includes(metric));

    test("moves every metric that a page, a panel or a rule names", () => {
      expect(still()).toEqual([]);
      const moved = textOf("service/src/telemetry/metrics-move.test.ts");
      expect(ELSEWHERE.filter((metric) => !moved.includes(`"${metric}"`))).toEqual([]);
    });

    test("makes no series of what callers send, however many send it (N43)", async () => {
      const seriesOf = async () =>
        (await figuresOf(fleet.members[0])).split("\n").filter((line) => line.startsWith("macp_auth_"));
      const send = async (index: number): Promise<unknown> => {
        const text = `${MARK}${String(index)}`;
        return strange(fleet, text, index);
      };
      for (let round = 0; round < 10; round += 1)
        await Promise.all(Array.from({ length: 20 }, (_, index) => send(round * 20 + index)));
      const before = await seriesOf();
      for (let round = 10; round < 20; round += 1)
        await Promise.all(Array.from({ length: 20 }, (_, index) => send(round * 20 + index)));
      const after = await seriesOf();
      expect(after.join("\n")).not.toContain(MARK);
      // 200 more strangers: a label that they fill would have made 200 series, other parts of the service may make a few.
      expect(after.length - before.length).toBeLessThan(20);
    });
  },
);
