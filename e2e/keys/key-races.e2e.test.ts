import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { after } from "../../service/src/kernel/clock.ts";
import { DEFAULT_KEY_SET } from "../../service/src/kernel/ids.ts";
import { keksOf } from "../../service/src/keys/custody/key-encryption-keys.ts";
import { applyChanges } from "../../service/src/keys/managed/key-change.ts";
import type { KeyStore } from "../../service/src/keys/managed/key-store.ts";
import {
  isServed,
  isSigning,
  isStandby,
  type ManagedKey,
} from "../../service/src/keys/managed/managed-key.ts";
import type { RotationRules } from "../../service/src/keys/managed/plan/rotation-rules.ts";
import { FIXED_TIMING } from "../../service/src/keys/timing.ts";
import { type KeyRow, rowOf, setTagOf } from "../../service/src/stores/sql/key-rows.ts";
import { rowTags } from "../../service/src/stores/sql/row-tags.ts";
import { activate, publishFresh } from "../../service/src/testing/contracts/key-store-contract.ts";
import {
  mayLeavePostgresOut,
  postgresPlace,
  type StoredPlace,
  sqlitePlace,
} from "../../service/src/testing/store-places.ts";
import { type RacerReport, type Racers, startRacers } from "./key-racers.ts";

const RACERS = 8;
const MINUTES = 60_000;
const RULES: RotationRules = {
  alg: "ES256",
  periodSeconds: 7 * 86_400,
  leadSeconds: 7_200,
  timing: {
    ...FIXED_TIMING,
    maxTtlSeconds: 3_600,
    jwksMaxAgeSeconds: 60,
    verifierTtlSeconds: 300,
    verifierGraceSeconds: 3_600,
  },
  gate: "enforce",
};
const kek = randomBytes(32);
const keks = keksOf([kek]);

/** All rounds, or as many as `MACP_TEST_RACE_ROUNDS` says. */
function roundsOf(count: number): number {
  return Math.min(count, Number(process.env["MACP_TEST_RACE_ROUNDS"] || count));
}

/** A race in a place: `rounds` from an empty store, and as many on a store whose signing key is due. */
function races(name: string, makePlace: () => Promise<StoredPlace>, rounds: number): void {
  describe(`${String(RACERS)} replicas on ${name} rotating at once`, { timeout: 5 * MINUTES }, () => {
    let racers: Racers;
    let place: StoredPlace;
    let store: KeyStore;
    beforeAll(() => {
      racers = startRacers(RACERS, kek, RULES);
    });
    afterAll(() => racers.end());
    beforeEach(async () => {
      place = await makePlace();
      await racers.open(place.url);
      store = await place.open(keks);
    });
    afterEach(() => place.remove());

    async function roundsFrom(
      start: { version: number; rows: readonly KeyRow[] },
      check: () => Promise<void>,
    ) {
      const stale = { start: 0, loaded: 0 };
      for (let round = 0; round < rounds; round += 1) {
        await putBack(place, start);
        const meetAt = round % 2 === 0 ? "start" : "loaded";
        const reports = await racers.rotate(meetAt);
        expect(reports.filter((report) => report.replaced === 1)).toHaveLength(1);
        expect(reports.some((report) => report.lost || report.replaced > 1)).toBe(false);
        stale[meetAt] += staleIn(reports);
        await check();
      }
      console.info(
        `${name}: ${String(rounds)} rounds, replicas that came too late: ${JSON.stringify(stale)}`,
      );
      // Where all had read before one wrote, all others were rejected: it was a real race.
      expect(stale.loaded).toBe(Math.floor(rounds / 2) * (RACERS - 1));
    }

    test("make one signing key and one standby key on an empty store", async () => {
      await roundsFrom({ version: 0, rows: [] }, async () => {
        const { version, keys } = await store.load();
        expect([version, keys.length, keys.filter(isSigning).length, keys.filter(isStandby).length]).toEqual([
          1, 2, 1, 1,
        ]);
      });
    });

    test("activate the one ready key when the period is over, and publish one successor", async () => {
      const due = await dueSet(store);
      await roundsFrom(
        { version: 2, rows: due.keys.map((key) => rowOf(rowTags(keks), DEFAULT_KEY_SET, key)) },
        async () => {
          const { version, keys } = await store.load();
          expect(version).toBe(3);
          expect(keys.filter(isServed)).toHaveLength(3);
          expect(keys.filter(isSigning).map((key) => key.kid)).toEqual([due.ready]);
          expect(keys.filter(isStandby)).toHaveLength(1);
        },
      );
    });
  });
}

/** Restores the store to a set that it could have written itself. */
async function putBack(
  place: StoredPlace,
  { version, rows }: { version: number; rows: readonly KeyRow[] },
): Promise<void> {
  await place.database.write(async (query) => {
    await query("DELETE FROM signing_keys");
    for (const { keySet, kid, alg, active, body, tag } of rows) {
      await query(
        "INSERT INTO signing_keys (key_set, kid, alg, active, body, tag) VALUES ($1, $2, $3, $4, $5, $6)",
        [keySet, kid, alg, active, body, tag],
      );
    }
    const tag = rows.length === 0 ? "" : setTagOf(rowTags(keks), { keySet: DEFAULT_KEY_SET, version }, rows);
    // Keys were served until now, else the standby key's lead has not begun.
    const [row] = (await query(place.database.dialect.now)) as readonly { readonly now: number | string }[];
    const servedAt = rows.length === 0 ? null : Number(row?.now);
    await query("UPDATE key_sets SET version = $1, tag = $2, served_at = $3", [version, tag, servedAt]);
  });
}

/** An active key whose period ended a minute ago, and a key that has been served since it began. */
async function dueSet(store: KeyStore): Promise<{ keys: readonly ManagedKey[]; ready: string }> {
  const began = after((await store.load()).now, -RULES.periodSeconds - 60);
  const [active, ready] = [await publishFresh(keks), await publishFresh(keks)];
  const keys = applyChanges([], [active, activate(active), ready], began, 1);
  return { keys, ready: ready.kid };
}

function staleIn(reports: readonly RacerReport[]): number {
  return reports.reduce((sum, report) => sum + report.stale, 0);
}

function openingRaces(name: string, makePlace: () => Promise<StoredPlace>, rounds: number): void {
  test(
    `${String(RACERS)} replicas that open an empty ${name} at once make one schema, and one set of keys`,
    async () => {
      const racers = startRacers(RACERS, kek, RULES);
      for (let round = 0; round < rounds; round += 1) {
        const place = await makePlace();
        await racers.open(place.url);
        await racers.rotate("start");
        const { version, keys } = await (await place.open(keks)).load();
        expect([version, keys.length]).toEqual([1, 2]);
        await racers.open("memory:");
        await place.remove();
      }
      await racers.end();
    },
    2 * MINUTES,
  );
}

races("SQLite", sqlitePlace, roundsOf(100));
openingRaces("SQLite", sqlitePlace, roundsOf(10));
if (mayLeavePostgresOut()) {
  test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
} else {
  races("PostgreSQL", postgresPlace, roundsOf(500));
  openingRaces("PostgreSQL", postgresPlace, roundsOf(10));
}
