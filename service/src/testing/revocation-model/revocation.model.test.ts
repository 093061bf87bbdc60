import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mayLeavePostgresOut, postgresPlace, sqlitePlace } from "../store-places.ts";
import { revocationCommands, tally } from "./commands.ts";
import { MUTANTS } from "./mutants.ts";
import { databasePlaces, memoryPlaces, type Places } from "./places.ts";
import type { Mutate } from "./replica.ts";
import { World } from "./world.ts";

const RUNS = Number(process.env["MACP_MODEL_RUNS"] || 100);
/** Runs over a database take five times as long. */
const DATABASE_SHARE = process.env["MACP_MODEL_RUNS"] ? 1 : 0.3;
const SEED = process.env["MACP_MODEL_SEED"] || undefined;
/** A mutant is found long before this number of runs. */
const MUTANT_RUNS = 1_000;
const FIXED_SEED = 1;
const MINUTES = 60_000;

function everyPromiseHolds(places: Places, inWorld?: () => Mutate): fc.IAsyncProperty<unknown> {
  return fc.asyncProperty(
    fc.constantFrom(0, 0, 2, -2),
    revocationCommands,
    async (aheadSeconds, commands) => {
      tally.runs += 1;
      const world = new World(await places.next(), aheadSeconds, inWorld?.());
      for (const replica of world.replicas) await world.look(replica);
      await fc.asyncModelRun(() => ({ model: world, real: world }), commands);
      await world.end();
      tally.left += world.left.length;
    },
  );
}

describe("two replicas mint and stop tokens, time passes and things break: no promise about stopped tokens is broken", () => {
  const fresh = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);
  const stores = [
    ["memory", memoryPlaces, FIXED_SEED, 1],
    ["memory", memoryPlaces, fresh, 1],
    ["SQLite", () => databasePlaces(sqlitePlace), fresh, DATABASE_SHARE],
    ...(mayLeavePostgresOut()
      ? []
      : [["PostgreSQL", () => databasePlaces(postgresPlace), fresh, DATABASE_SHARE] as const]),
  ] as const;
  if (mayLeavePostgresOut())
    test.skip("skipped: set MACP_TEST_POSTGRES_URL (tools/postgres.sh start DIR prints one)");
  test.each(stores)("over %s", { timeout: 30 * MINUTES }, async (name, open, seed, share) => {
    const [places, before] = [open(), { ...tally }];
    try {
      await fc.assert(everyPromiseHolds(places), { numRuns: Math.ceil(RUNS * share), seed });
    } finally {
      await places.close();
    }
    const [runs, steps, left, revocations, answers] = (
      ["runs", "steps", "left", "revocations", "answers"] as const
    ).map((key) => String(tally[key] - before[key]));
    console.log(
      `${name}, seed ${String(seed)}: ${runs} runs, ${steps} steps, ${left} tokens, ${revocations} revocations, ${answers} answers compared`,
    );
  });
});

describe("the model finds it when", () => {
  test.each(MUTANTS)("$fault", { timeout: 10 * MINUTES }, async ({ inWorld }) => {
    const places = memoryPlaces();
    const found = await fc.check(everyPromiseHolds(places, inWorld), {
      numRuns: MUTANT_RUNS,
      seed: FIXED_SEED,
      endOnFailure: true,
    });
    expect(found.failed, `survived ${String(found.numRuns)} runs`).toBe(true);
    console.log(`${String(found.numRuns)} runs: ${(found.errorInstance as Error).message}`);
  });
});
