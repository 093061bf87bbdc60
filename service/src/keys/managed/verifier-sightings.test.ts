import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sighting } from "../../testing/managed-key-sets.ts";
import { TestClock } from "../../testing/moments.ts";
import type { JwksFetches, UntrackedFetches, VerifierSighting } from "./key-store.ts";
import { mergeFetches, VERIFIERS_MAX, VerifierLog } from "./verifier-sightings.ts";

function of(
  verifiers: readonly VerifierSighting[],
  untracked: readonly UntrackedFetches[] = [],
): JwksFetches {
  return { verifiers, untracked };
}
const mergeSightings = (known: readonly VerifierSighting[], fresh: readonly VerifierSighting[]) =>
  mergeFetches(of(known), of(fresh)).verifiers;

function log() {
  const clock = new TestClock();
  return { clock, log: new VerifierLog(clock) };
}

describe("what a replica remembers of those that fetch", () => {
  test("is the newest version, the last time, the count and the shortest time between two fetches", () => {
    const { clock, log: verifiers } = log();
    for (const [wait, version] of [
      [0, 3],
      [300, 5],
      [280, 4],
      [310, 5],
    ] as const) {
      clock.move(wait);
      verifiers.note("10.0.0.1", "runtime/1", version);
    }
    expect(verifiers.take().verifiers).toEqual([
      {
        address: "10.0.0.1",
        userAgent: "runtime/1",
        version: 5,
        seenAt: clock.now(),
        minIntervalSeconds: 280,
        fetches: 4,
      },
    ]);
  });

  test("is reported once, and the time between two fetches is known across reports", () => {
    const { clock, log: verifiers } = log();
    verifiers.note("10.0.0.1", undefined, 1);
    expect(verifiers.take().verifiers).toMatchObject([
      { userAgent: "", minIntervalSeconds: undefined, fetches: 1 },
    ]);
    expect(verifiers.take().verifiers).toEqual([]);
    clock.move(290);
    verifiers.note("10.0.0.1", undefined, 1);
    expect(verifiers.take().verifiers).toMatchObject([{ minIntervalSeconds: 290, fetches: 1 }]);
  });

  test("keeps two at one address apart by their User-Agent", () => {
    const { log: verifiers } = log();
    verifiers.note("10.0.0.1", "a", 1);
    verifiers.note("10.0.0.1", "b", 1);
    verifiers.note("10.0.0.2", "a", 1);
    expect(verifiers.take().verifiers).toHaveLength(3);
  });

  test("is bounded and printable, whatever clients send", () => {
    const { log: verifiers } = log();
    verifiers.note("10.0.0.1", `${"x".repeat(119)}\u001b[2J${"y".repeat(10_000)}`, 1);
    expect(verifiers.take().verifiers[0]?.userAgent).toBe(`${"x".repeat(119)}\\u{1b}`);
  });

  test("is of at most 1,000 between two reports, and those that were seen first stay", () => {
    const { log: verifiers } = log();
    for (let count = 0; count < VERIFIERS_MAX + 500; count += 1)
      verifiers.note(`10.0.${String(count)}`, undefined, 1);
    verifiers.note("10.0.0", undefined, 2);
    const taken = verifiers.take().verifiers;
    expect(taken).toHaveLength(VERIFIERS_MAX);
    expect(taken[0]).toMatchObject({ address: "10.0.0", version: 2, fetches: 2 });
  });

  test("distinguishes eight User-Agents of one address between two reports, so that one that changes its name displaces no other", () => {
    const { log: verifiers } = log();
    for (let count = 0; count < 100; count += 1) verifiers.note("10.0.0.1", `name-${String(count)}`, 1);
    verifiers.note("10.0.0.2", "runtime", 1);
    const taken = verifiers.take().verifiers;
    expect(taken.map(({ address }) => address)).toEqual([...Array<string>(8).fill("10.0.0.1"), "10.0.0.2"]);
    verifiers.note("10.0.0.1", "name-99", 1);
    expect(verifiers.take().verifiers).toHaveLength(1);
  });

  test("forgets the time of the fetch that is longest ago once there are 1,000 later ones", () => {
    const { clock, log: verifiers } = log();
    const fetchAll = (from: number, to: number): readonly VerifierSighting[] => {
      for (let count = from; count < to; count += 1) verifiers.note(`v${String(count)}`, undefined, 1);
      clock.move(10);
      return verifiers.take().verifiers;
    };
    fetchAll(0, VERIFIERS_MAX);
    fetchAll(VERIFIERS_MAX, VERIFIERS_MAX + 1);
    expect(fetchAll(0, 1)[0]?.minIntervalSeconds).toBeUndefined();
    expect(fetchAll(5, 6)[0]?.minIntervalSeconds).toBe(30);
  });
});

describe("sightings of several replicas", () => {
  test("become one: the newest version and time, the shortest interval, the sum of the fetches", () => {
    const before = { ...sighting("v", 5, 10), minIntervalSeconds: 300, fetches: 7 };
    const fresh = { ...sighting("v", 4, 0), minIntervalSeconds: undefined, fetches: 2 };
    expect(mergeSightings([before], [fresh])).toEqual([
      { ...fresh, version: 5, minIntervalSeconds: 300, fetches: 9 },
    ]);
    expect(mergeSightings([before], [{ ...fresh, minIntervalSeconds: 200 }])).toMatchObject([
      { minIntervalSeconds: 200 },
    ]);
    expect(mergeSightings([], [fresh])).toEqual([fresh]);
  });

  test("stay at most 1,000; those that were seen longest ago are forgotten", () => {
    const many = Array.from({ length: VERIFIERS_MAX }, (_, index) =>
      sighting(`v${String(index)}`, 1, 100 + index),
    );
    const merged = mergeSightings(many, [sighting("late", 1, 0), sighting("early", 1, 9_999)]);
    expect(merged).toHaveLength(VERIFIERS_MAX);
    expect(merged[0]?.address).toBe("late");
    expect(
      merged.some(({ address }) => address === "early" || address === `v${String(VERIFIERS_MAX - 1)}`),
    ).toBe(false);
  });

  test("are the same in whatever order two replicas report them", () => {
    const anySighting = fc.record({
      address: fc.constantFrom("a", "b", "c"),
      userAgent: fc.constantFrom("", "x"),
      version: fc.nat(9),
      seenAt: fc.nat(99).map((second) => second as VerifierSighting["seenAt"]),
      minIntervalSeconds: fc.option(fc.nat(9), { nil: undefined }),
      fetches: fc.integer({ min: 1, max: 9 }),
    });
    const some = fc.uniqueArray(anySighting, {
      selector: ({ address, userAgent }) => `${address} ${userAgent}`,
    });
    const sorted = (list: readonly VerifierSighting[]) =>
      list.toSorted((one, other) => (one.address + one.userAgent < other.address + other.userAgent ? -1 : 1));
    fc.assert(
      fc.property(some, some, (one, other) => {
        const there = mergeSightings(mergeSightings([], one), other);
        expect(sorted(mergeSightings(mergeSightings([], other), one))).toEqual(sorted(there));
      }),
    );
  });
});

describe("more verifiers than are tracked", () => {
  test("leave what they were served, when and where: the ninth User-Agent of an address, and every one after it", () => {
    const { clock, log: verifiers } = log();
    for (let count = 0; count < 9; count += 1) verifiers.note("10.0.0.1", `name-${String(count)}`, 4);
    clock.move(7);
    verifiers.note("10.0.0.1", "name-9", 4);
    verifiers.note("10.0.0.1", "name-8", 5);
    verifiers.note("10.0.0.1", "name-7", 5);
    expect(verifiers.take().untracked).toEqual([
      { version: 4, address: "10.0.0.1", seenAt: clock.now(), fetches: 2 },
      { version: 5, address: "10.0.0.1", seenAt: clock.now(), fetches: 1 },
    ]);
    expect(verifiers.take().untracked).toEqual([]);
  });

  test("leave it across beats too, although each single beat has few of them", () => {
    const beat = (name: string, secondsAgo: number) =>
      of(
        Array.from({ length: 5 }, (_, index) => ({
          ...sighting("10.0.0.1", 3, secondsAgo + index),
          userAgent: `${name}-${String(index)}`,
        })),
      );
    const merged = mergeFetches(mergeFetches(of([]), beat("first", 100)), beat("second", 0));
    expect(merged.verifiers).toHaveLength(8);
    expect(merged.untracked).toEqual([
      { version: 3, address: "10.0.0.1", seenAt: sighting("", 0, 103).seenAt, fetches: 2 },
    ]);
  });

  test("are not forgotten when they could not be reported", () => {
    const { log: verifiers } = log();
    for (let count = 0; count < 12; count += 1) verifiers.note("10.0.0.1", `name-${String(count)}`, 4);
    verifiers.putBack(verifiers.take());
    expect(verifiers.take()).toMatchObject({ verifiers: { length: 8 }, untracked: [{ fetches: 4 }] });
  });

  test("are remembered by at most eight versions; beyond, the two oldest count as the older one, seen at the later time", () => {
    const anyFetches = fc.array(
      fc.record({
        version: fc.nat(40),
        address: fc.constantFrom("a", "b"),
        seenAt: fc.nat(99).map((second) => second as VerifierSighting["seenAt"]),
        fetches: fc.integer({ min: 1, max: 9 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(anyFetches, fc.nat(41), (all, publishedVersion) => {
        const merged = all.reduce((known, one) => mergeFetches(known, of([], [one])), of([])).untracked;
        expect(merged.length).toBeLessThanOrEqual(8);
        expect(new Set(merged.map(({ version }) => version)).size).toBe(merged.length);
        const sum = (list: readonly UntrackedFetches[]) =>
          list.reduce((count, one) => count + one.fetches, 0);
        expect(sum(merged)).toBe(sum(all));
        // No key looks better known than it is: who lacked it then is among those that may lack it now, and no earlier.
        const latestBehind = (list: readonly UntrackedFetches[]) =>
          Math.max(0, ...list.filter((one) => one.version < publishedVersion).map((one) => one.seenAt));
        expect(latestBehind(merged)).toBeGreaterThanOrEqual(latestBehind(all));
      }),
    );
  });
});
