import { writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mayLeavePostgresOut } from "../../service/src/testing/store-places.ts";
import { documentedMetrics, ROOT, sidecarMetrics, textOf } from "../support/documents.ts";
import { HAS_REDIS } from "../support/redis-server.ts";
import { ADMIN_TOKEN, type Fleet, figuresOf, type Member, startFleet } from "./fleet.ts";
import {
  type FilledPanel,
  filled,
  instanceQueryOfDashboard,
  panelsOfDashboard,
} from "./picture/dashboard.ts";
import { type Mark, pictureOf } from "./picture/picture.ts";
import { HAS_PROMETHEUS, type Prometheus, startPrometheus } from "./picture/prometheus.ts";
import { ACTS, everyday, LOOK_MS, quietDay, strange } from "./story.ts";

const RULES = ["macp-auth.rules.yml", "macp-auth-slo.rules.yml"];
const PICTURE = "docs/dashboard.svg";
/** How long the day of the picture in docs/ is. 0: as quick as it goes, and the picture stays as it is. */
const PICTURE_SECONDS = Number(process.env["MACP_DASHBOARD_SECONDS"] ?? 0);

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

/** What says how a guard is set, and never moves. */
const SETTINGS = ["macp_auth_guard_stale_after_seconds"];
const METRICS = [...documentedMetrics(), ...sidecarMetrics()].filter((metric) => !SETTINGS.includes(metric));

/** Stands in everything that strangers send, and may stand in no label. */
const MARK = "zq7mark";

/** How often the story is played at most. */
const DAYS_MAX = 3;
/** How long an act lasts that ends. */
const LASTS_MS = Math.max(1_200, (PICTURE_SECONDS * 1_000) / (ACTS.length + 3) / 2);
const isLeftOut = mayLeavePostgresOut() || !HAS_REDIS;

describe.skipIf(isLeftOut)(
  "a day of a fleet (skipped without MACP_TEST_POSTGRES_URL or redis-server)",
  () => {
    let fleet: Fleet;
    let prometheus: Prometheus | undefined;
    const marks: Mark[] = [];
    const day = { from: 0, to: 0, isOver: false };
    /** For each metric of a service, each set of samples that was seen, as text. */
    const seen = new Map<string, Set<string>>();

    const all = () => [...fleet.members, fleet.guard];
    const look = async (): Promise<void> => {
      for (const member of all()) {
        const figures = new Map<string, string>();
        // 0 counts as absent: a counter that appears has not moved.
        for (const line of (await figuresOf(member)).split("\n").filter((one) => !one.endsWith(" 0"))) {
          const metric = (/^macp_auth_\w+/.exec(line)?.[0] ?? "").replace(/_(?:bucket|sum|count)$/, "");
          if (metric !== "") figures.set(metric, `${figures.get(metric) ?? ""}${line}\n`);
        }
        for (const metric of METRICS) {
          const key = `${metric} ${member.name}`;
          seen.set(key, (seen.get(key) ?? new Set()).add(figures.get(metric) ?? ""));
        }
      }
    };

    beforeAll(async () => {
      fleet = await startFleet();
      if (HAS_PROMETHEUS) prometheus = await scraping(fleet);
      const looks = (async () => {
        while (!day.isOver) {
          await look();
          await pause(LOOK_MS);
        }
      })();
      const traffic = PICTURE_SECONDS > 0 ? trafficUntil(day, fleet) : undefined;
      if (PICTURE_SECONDS > 0) await pause(LASTS_MS * 3);
      day.from = seconds();
      // On a busy machine a look may miss what lasts for a moment: the next day has it again.
      for (let days = 0; days < DAYS_MAX && (days === 0 || still().length > 0); days += 1) {
        for (const { name, begin, end } of ACTS) {
          await everyday(fleet);
          if (PICTURE_SECONDS > 0) await pause(LASTS_MS);
          if (days === 0) marks.push({ at: seconds(), what: name });
          await begin(fleet);
          if (end !== undefined) await pause(LASTS_MS);
          await end?.(fleet);
        }
        await everyday(fleet);
        await pause(PICTURE_SECONDS > 0 ? LASTS_MS * 3 : LASTS_MS);
      }
      day.isOver = true;
      day.to = seconds();
      await Promise.all([looks, traffic]);
      await look();
    }, 180_000);
    afterAll(() => Promise.all([fleet.end(), prometheus?.end()]));

    const isMoved = (metric: string): boolean =>
      all().some(({ name }) => (seen.get(`${metric} ${name}`)?.size ?? 0) > 1);
    const still = (): readonly string[] =>
      METRICS.filter((metric) => !isMoved(metric) && !ELSEWHERE.includes(metric));

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

    describe.skipIf(!HAS_PROMETHEUS)("seen by Prometheus (skipped without prometheus)", () => {
      const panels: FilledPanel[] = [];
      const asked = (): Prometheus => {
        if (prometheus === undefined) throw new Error("prometheus was not started");
        return prometheus;
      };

      test("has something to show in each panel of the dashboard, whose queries are all accepted", async () => {
        for (const panel of panelsOfDashboard()) panels.push(await filled(panel, asked(), day.from, day.to));
        const empty = panels.filter(({ type, lines }) => type !== "row" && lines.length === 0);
        expect(empty.map(({ title }) => title)).toEqual([]);
        const [matcher, label] = instanceQueryOfDashboard();
        expect(await asked().labelValues(label, matcher)).toEqual(
          all()
            .map(({ name }) => name)
            .toSorted(),
        );
      });

      test("has each panel in the picture of the documents", () => {
        const picture = pictureOf({
          title:
            "macp-auth: a fleet of two replicas, a guard and a service with TLS, whose keys rotate every 8 seconds",
          panels,
          ...day,
          marks,
        });
        if (PICTURE_SECONDS > 0) writeFileSync(`${ROOT}/${PICTURE}`, picture);
        for (const svg of [picture, textOf(PICTURE)])
          expect(panels.map(({ title }) => title).filter((title) => !svg.includes(`>${title}<`))).toEqual([]);
        expect(textOf(PICTURE).length).toBeLessThan(300_000);
      });

      test("breaks no rule of the alerts and objectives: each is evaluated without a fault", async () => {
        const isNew = async () => (await asked().rules()).some(({ health }) => health === "unknown");
        for (let tries = 0; tries < 300 && (await isNew()); tries += 1) await pause(100);
        const rules = await asked().rules();
        expect(rules.filter(({ health }) => health !== "ok")).toEqual([]);
        const written = RULES.map((file) => textOf(`deploy/prometheus/${file}`)).join("\n");
        expect(rules).toHaveLength([...written.matchAll(/^ +- (?:alert|record):/gm)].length);
      });

      test("fires an alert at the first use of a token that was stopped", async () => {
        const firing = 'ALERTS{alertname="MacpAuthRevokedTokenUsed",alertstate="firing"}';
        const isSeen = async () => (await asked().range(firing, day.from, seconds())).length > 0;
        await expect.poll(isSeen, { timeout: 30_000 }).toBe(true);
      });

      test("answers the queries of the page about objectives", async () => {
        const queries = [...textOf("docs/slo.md").matchAll(/```promql\n(.*)\n```/g)];
        expect(queries).toHaveLength(4);
        for (const [, query = ""] of queries)
          expect((await asked().range(query, day.to - 1, day.to)).length).toBeGreaterThan(0);
      });
    });
  },
);

function seconds(): number {
  return Math.floor(Date.now() / 1_000);
}

/** Resolves once it has scraped each: what happens from then on is an increase. */
async function scraping({ members, guard }: Fleet): Promise<Prometheus> {
  const scraped = ({ name, adminPort, isSecure }: Member) => ({ instance: name, port: adminPort, isSecure });
  const prometheus = await startPrometheus({
    jobs: {
      "macp-auth": members.slice(0, 2).map(scraped),
      // A deployment with keys of its own.
      "macp-auth-outside": members.slice(2).map(scraped),
      "macp-auth-guard": [scraped(guard)],
    },
    token: ADMIN_TOKEN,
    ruleFiles: RULES.map((file) => `${ROOT}/deploy/prometheus/${file}`),
  });
  const known = () => prometheus.labelValues("instance", "macp_auth_guard_checks_total");
  for (let tries = 0; tries < 600 && (await known()).length <= members.length; tries += 1) await pause(100);
  return prometheus;
}

/** Traffic as of a quiet day, beside the acts. In some of them this address is kept out, which is what they are about. */
async function trafficUntil(day: { readonly isOver: boolean }, fleet: Fleet): Promise<void> {
  while (!day.isOver) {
    await quietDay(fleet).catch(() => undefined);
    await pause(LOOK_MS);
  }
}
