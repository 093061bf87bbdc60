import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { rotationCommands, tally, worldSettings } from "./commands.ts";
import { MUTANTS } from "./mutants.ts";
import { type Mutation, openWorld } from "./world.ts";

/** Runs of the model; 2,000 take about half a minute. A seed of a failed run repeats it. */
const RUNS = Number(process.env["MACP_MODEL_RUNS"] || 2_000);
/** A mutant is found long before this number of runs. */
const MUTANT_RUNS = 3 * RUNS;
const SEED = process.env["MACP_MODEL_SEED"] || undefined;
const FIXED_SEED = 1;
const MINUTES = 60_000;

/** Whatever replicas, verifiers, operators and the network do: every promise of docs/keys.md holds after each of their steps. */
function everyPromiseHolds(mutation?: Mutation): fc.IAsyncProperty<unknown> {
  return fc.asyncProperty(worldSettings, rotationCommands, async (settings, commands) => {
    tally.runs += 1;
    await fc.asyncModelRun(async () => {
      const world = await openWorld(settings, mutation);
      return { model: world, real: world };
    }, commands);
  });
}

describe("three replicas rotate, verifiers cache, operators act and things break: no promise about keys is broken", () => {
  const fresh = SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);
  test.each([
    ["that never changes", FIXED_SEED],
    ["of this run", fresh],
  ])("from a seed %s, %i", { timeout: 30 * MINUTES }, async (_which, seed) => {
    const before = { ...tally };
    await fc.assert(everyPromiseHolds(), { numRuns: Math.ceil(RUNS / 2), seed });
    const [runs, steps, seconds, looks] = [
      tally.runs - before.runs,
      tally.steps - before.steps,
      tally.seconds - before.seconds,
      tally.looks - before.looks,
    ];
    console.log(
      `seed ${seed}: ${runs} runs, ${steps} steps, ${seconds} virtual seconds, ${looks} looks at every promise`,
    );
  });
});

describe("the model finds it when", () => {
  test.each(MUTANTS)("$fault", { timeout: 10 * MINUTES }, async (mutant) => {
    const found = await fc.check(everyPromiseHolds(mutant), {
      numRuns: MUTANT_RUNS,
      seed: FIXED_SEED,
      endOnFailure: true,
    });
    expect(found.failed, `survived ${found.numRuns} runs`).toBe(true);
  });
});

describe("the behaviour of verifiers shows it, and no other promise is needed to find it, when", () => {
  test.each(MUTANTS.filter(({ felt }) => felt))("$fault", { timeout: 10 * MINUTES }, async (mutant) => {
    const property = everyPromiseHolds({ ...mutant, only: ["I3", "I4", "I9"] });
    const found = await fc.check(property, { numRuns: MUTANT_RUNS, seed: FIXED_SEED, endOnFailure: true });
    expect(found.failed, `survived ${found.numRuns} runs`).toBe(true);
  });
});
