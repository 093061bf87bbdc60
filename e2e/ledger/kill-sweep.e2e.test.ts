import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { postgresPlace } from "../../service/src/testing/store-places.ts";
import { expectNone, faultsOf, inLanes, minted } from "./minters.ts";

/** `MACP_LEDGER_KILLS=400`: the long proof. */
const KILLS = Number(process.env["MACP_LEDGER_KILLS"] || 60);
const LANES = 3;
const hasStrace = spawnSync("strace", ["-V"]).status === 0;
const POSTGRES = process.env["MACP_TEST_POSTGRES_URL"] || undefined;
const upTo = (count: number, step = 1) =>
  Array.from({ length: Math.floor(count / step) }, (_, index) => (index + 1) * step);

if ((!hasStrace || POSTGRES === undefined) && process.env["CI"] === "true")
  throw new Error("strace or MACP_TEST_POSTGRES_URL is missing, and in CI nothing is skipped");

/** Kills a minter at each of these places, checks the ledger after each, and says how many tokens had left. */
async function survives(
  numbers: readonly number[],
  urls: readonly string[],
  optionsOf: (number: number) => Parameters<typeof minted>[1],
): Promise<void> {
  let [kills, left] = [0, 0];
  // The ledger of a lane is the same for all its kills: each process finds what the killed ones before it left.
  const tokens = urls.map(() => new Map<string, string>());
  await inLanes(numbers, urls.length, async (number, lane) => {
    const url = urls[lane] ?? "";
    const outcome = await minted(url, optionsOf(number));
    kills += outcome.wasKilled ? 1 : 0;
    left += outcome.tokens.size;
    for (const [jti, digest] of outcome.tokens) tokens[lane]?.set(jti, digest);
  });
  for (const [lane, url] of urls.entries()) expectNone(await faultsOf(url, tokens[lane] ?? new Map()));
  console.log(`${String(kills)} kills, ${String(left)} tokens had left`);
  // A run that was never killed, or in which nothing left, would prove nothing.
  expect(kills).toBe(numbers.length);
  expect(left).toBeGreaterThan(numbers.length);
}

/** Before a command: kills it at its N-th call of these. */
function killing(calls: string, nth: number): readonly string[] {
  const inject = `inject=${calls}:signal=KILL:when=${String(nth)}`;
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${calls}`, "-e", inject];
}

describe.skipIf(!hasStrace)("a process over SQLite (skipped where strace is not installed)", () => {
  test.each([
    ["its N-th wait for the disk", "fdatasync,fsync", upTo(KILLS)],
    ["its N-th write", "pwrite64", upTo(KILLS * 10, 20)],
  ] as const)(
    "that is killed at %s leaves a whole ledger with every token that left, for every N",
    {
      timeout: 1_200_000,
    },
    async (_what, calls, numbers) => {
      const folder = await mkdtemp(join(tmpdir(), "macp-auth-ledger-"));
      const urls = upTo(LANES).map((lane) => `sqlite:${join(folder, `${String(lane)}.db`)}`);
      await Promise.all(urls.map((url) => minted(url, { tokens: 1 })));
      // More batches than the largest N: the disk is waited for once a batch.
      const tokens = 20 * KILLS;
      await survives(numbers, urls, (number) => ({ tokens, under: killing(calls, number) }));
      await rm(folder, { recursive: true });
    },
  );

  test("that does not wait for its entries loses some, and these tests see it", async () => {
    const folder = await mkdtemp(join(tmpdir(), "macp-auth-ledger-"));
    const faults: unknown[] = [];
    // One kill may meet the moment at which everything is written, or a wait for the disk that is about no entry.
    for (let number = 7; faults.length === 0 && number < 20; number += 1) {
      const url = `sqlite:${join(folder, `async-${String(number)}.db`)}`;
      await minted(url, { tokens: 1 });
      const under = killing("fdatasync,fsync", number);
      const { tokens, wasKilled } = await minted(url, { mode: "async", tokens: 20_000, under });
      expect(wasKilled).toBe(true);
      faults.push(...(await faultsOf(url, tokens)));
    }
    expect(faults).not.toEqual([]);
    await rm(folder, { recursive: true });
  });
});

describe.skipIf(POSTGRES === undefined)(
  "a process over PostgreSQL (skipped: set MACP_TEST_POSTGRES_URL)",
  () => {
    test("that is killed at its N-th message to the database leaves a whole ledger with every token that left, for every N", {
      timeout: 1_200_000,
    }, async () => {
      const places = await Promise.all(upTo(LANES).map(() => postgresPlace()));
      const urls = places.map(({ url }) => url);
      for (const url of urls) await minted(url, { tokens: 1 });
      await survives(upTo(KILLS), urls, (kill) => ({ kill, tokens: 40 * KILLS }));
      for (const place of places) await place.remove();
    });
  },
);
