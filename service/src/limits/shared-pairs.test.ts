import { beforeEach, describe, expect, test } from "vitest";
import { countingRandom } from "../testing/mint-deps.ts";
import { PAIR_LIFE_US, PAIRS_MAX, type PairStore, type PairsNoted, SharedPairs } from "./shared-pairs.ts";

const DAY_SECONDS = 86_400;

describe("the pairs of address and credential that replicas share", () => {
  let seconds: number;
  /** What the store has, in the order in which it was noted; `undefined`: it is lost. */
  let stored: { name: string; pairs: { digest: string; atSeconds: number }[] } | undefined;
  let sets: number;
  let failures: string[];
  const store: PairStore = {
    exchange: (noted, mark) =>
      stored === undefined ? Promise.reject(new Error("lost")) : answer(noted, mark),
  };
  const answer = (noted: readonly string[], mark: number): Promise<PairsNoted> => {
    const pairs = stored?.pairs ?? [];
    if (noted.length > 0 && stored?.name === "") wipe(`set ${String(sets)}`, pairs);
    pairs.push(...noted.map((digest) => ({ digest, atSeconds: seconds })));
    const read = pairs.slice(mark, mark + 100);
    return Promise.resolve({
      set: stored?.name ?? "",
      mark: mark + read.length,
      isMore: mark + read.length < pairs.length,
      pairs: read.map(({ digest, atSeconds }) => ({
        digest,
        leftUs: PAIR_LIFE_US - (seconds - atSeconds) * 1_000_000,
      })),
    });
  };
  const wipe = (name = "", pairs: { digest: string; atSeconds: number }[] = []) => {
    sets += 1;
    stored = { name, pairs };
  };
  const replica = () =>
    new SharedPairs({
      store,
      name: "https://auth.example",
      stopwatch: { elapsed: () => seconds },
      random: countingRandom(),
      watcher: { failed: (why) => failures.push(why) },
    });
  let one: SharedPairs;
  let other: SharedPairs;
  beforeEach(() => {
    seconds = 1;
    sets = 0;
    failures = [];
    wipe();
    [one, other] = [replica(), replica()];
  });
  const exchange = async () => {
    for (const each of [one, other, one]) await each.exchange();
  };

  test("what one replica notes, the others know, and a new one too", async () => {
    one.note("192.0.2.1 a", "a");
    await exchange();
    expect(other.isKnown("192.0.2.1 a")).toBe(true);
    expect(other.isKnown("192.0.2.2 a")).toBe(false);
    const third = replica();
    await third.exchange();
    expect(third.isKnown("192.0.2.1 a")).toBe(true);
  });

  test("a new replica reads all there are, however many", async () => {
    for (let host = 0; host < 950; host += 1) one.note(`host ${String(host)} a`, "a");
    await exchange();
    for (let host = 0; host < 950; host += 1) expect(other.isKnown(`host ${String(host)} a`)).toBe(true);
  });

  test("only digests leave the process", async () => {
    one.note("192.0.2.1 a", "a");
    await exchange();
    for (const { digest } of stored?.pairs ?? []) expect(digest).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  test("when the store is lost, what is known stays known, what is new waits, and it is reported once", async () => {
    one.note("192.0.2.1 a", "a");
    await exchange();
    const before = stored;
    stored = undefined;
    one.note("192.0.2.2 a", "a");
    await exchange();
    await exchange();
    expect(failures).toEqual(["lost", "lost"]);
    expect(other.isKnown("192.0.2.1 a")).toBe(true);
    stored = before;
    await exchange();
    expect(other.isKnown("192.0.2.2 a")).toBe(true);
  });

  test.each([
    ["and has no set yet", ""],
    ["and has a set of another replica already", "another"],
  ])("a store that was wiped %s gets what each replica knows again", async (_, name) => {
    one.note("192.0.2.1 a", "a");
    other.note("192.0.2.2 a", "a");
    await exchange();
    wipe(name);
    await exchange();
    const third = replica();
    await third.exchange();
    expect(third.isKnown("192.0.2.1 a")).toBe(true);
    expect(third.isKnown("192.0.2.2 a")).toBe(true);
  });

  test("a pair is forgotten two days after it was last noted, by replicas that learned it later too", async () => {
    one.note("192.0.2.1 a", "a");
    await one.exchange();
    seconds += DAY_SECONDS;
    await other.exchange();
    seconds += DAY_SECONDS - 1;
    expect([one, other].map((each) => each.isKnown("192.0.2.1 a"))).toEqual([true, true]);
    seconds += 2;
    expect([one, other].map((each) => each.isKnown("192.0.2.1 a"))).toEqual([false, false]);
  });

  test("a credential has a thousand new addresses a day, so it does not push out the pairs of others", async () => {
    one.note("192.0.2.1 a", "a");
    for (let host = 0; host < PAIRS_MAX; host += 1) one.note(`host ${String(host)} b`, "b");
    await exchange();
    expect(stored?.pairs).toHaveLength(1_001);
    expect(one.isKnown("192.0.2.1 a")).toBe(true);
  });

  test("a store that invents sets without end is asked a bounded number of times", async () => {
    let asked = 0;
    one = new SharedPairs({
      store: {
        exchange: () => {
          asked += 1;
          return Promise.resolve({ set: String(asked), mark: 0, pairs: [], isMore: true });
        },
      },
      name: "",
      stopwatch: { elapsed: () => 1 },
      random: countingRandom(),
      watcher: { failed: () => undefined },
    });
    await one.exchange();
    expect(asked).toBeLessThan(1_000);
  });
});
