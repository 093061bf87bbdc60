import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UsedAssertions } from "../../callers/used-assertions.ts";
import { after, type EpochSeconds } from "../../kernel/clock.ts";
import { callerId } from "../callers.ts";

/** A place where used assertions are recorded, empty: seen by two replicas, which may be one object. */
export interface UsedAssertionsPlace {
  readonly replicas: readonly [UsedAssertions, UsedAssertions];
  /** The moment, as the store has it. */
  readonly now: EpochSeconds;
  close(): Promise<void>;
}

/** What every adapter of `UsedAssertions` promises. */
export function describeUsedAssertions(name: string, open: () => Promise<UsedAssertionsPlace>): void {
  describe(`used assertions in ${name}`, () => {
    const [ci, cd] = [callerId("ci"), callerId("cd")];
    let place: UsedAssertionsPlace;
    let until: EpochSeconds;
    beforeEach(async () => {
      place = await open();
      until = after(place.now, 300);
    });
    afterEach(() => place.close());

    test("are fresh once, on whichever replica", async () => {
      const [one, other] = place.replicas;
      expect(await one.insert(ci, "a-1", until)).toBe("fresh");
      expect(await one.insert(ci, "a-1", until)).toBe("replayed");
      expect(await other.insert(ci, "a-1", until)).toBe("replayed");
      expect(await other.insert(ci, "a-2", until)).toBe("fresh");
      expect(await one.insert(ci, "a-2", until)).toBe("replayed");
    });

    test("are fresh once of 100 that come at once over both replicas, 20 times", async () => {
      for (let round = 0; round < 20; round += 1) {
        const outcomes = await Promise.all(
          Array.from({ length: 100 }, (_, index) =>
            place.replicas[index % 2 === 0 ? 0 : 1].insert(ci, `round-${String(round)}`, until),
          ),
        );
        expect(outcomes.filter((outcome) => outcome === "fresh")).toHaveLength(1);
      }
    });

    test("of one caller say nothing of another's with the same id", async () => {
      const [one] = place.replicas;
      expect(await one.insert(ci, "a-1", until)).toBe("fresh");
      expect(await one.insert(cd, "a-1", until)).toBe("fresh");
    });

    test("are told apart by their ids, byte for byte", async () => {
      const [one] = place.replicas;
      const ids = [
        "a",
        "A",
        "a ",
        " a",
        "ä",
        "a\u0308",
        "%61",
        "'",
        '"',
        "\\",
        "j".repeat(255),
        "j".repeat(256),
        "智能体😀",
      ];
      for (const id of ids) expect([id, await one.insert(ci, id, until)]).toEqual([id, "fresh"]);
      for (const id of ids) expect([id, await one.insert(ci, id, until)]).toEqual([id, "replayed"]);
    });

    test("stay used with another end, earlier or later", async () => {
      const [one] = place.replicas;
      expect(await one.insert(ci, "a-1", until)).toBe("fresh");
      expect(await one.insert(ci, "a-1", after(until, 60))).toBe("replayed");
      expect(await one.insert(ci, "a-1", after(until, -60))).toBe("replayed");
    });
  });
}
