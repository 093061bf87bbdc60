import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { EventCursors, Settled } from "../../events/event-cursors.ts";
import { type EventPosition, startOf } from "../../events/event-position.ts";

/** A place of receivers, empty: seen by two replicas, which may be one object. */
export interface EventCursorsPlace {
  readonly replicas: readonly [EventCursors, EventCursors];
  /** Lets so much time pass for what is held there. */
  age(seconds: number): Promise<unknown>;
  close(): Promise<void>;
}

const LEASE_SECONDS = 1_000;

function delivered(position: EventPosition): Settled {
  return {
    position,
    failures: 0,
    failingSince: undefined,
    fault: undefined,
    waitSeconds: 0,
    dead: undefined,
  };
}

/** What every adapter of `EventCursors` promises. */
export function describeEventCursors(name: string, open: () => Promise<EventCursorsPlace>): void {
  describe(`where receivers of events are, in ${name}`, () => {
    let place: EventCursorsPlace;
    let one: EventCursors;
    let other: EventCursors;
    beforeEach(async () => {
      place = await open();
      [one, other] = place.replicas;
    });
    afterEach(() => place.close());
    const take = async (cursors: EventCursors, holder: string, start = 7) =>
      (await cursors.claim("soc", holder, LEASE_SECONDS, start)).kind;

    test("a new one begins with the next revocation, and stays where it is when it is seen again", async () => {
      const first = await one.claim("soc", "a", LEASE_SECONDS, 7);
      expect(first).toMatchObject({ kind: "claimed", state: { position: startOf(7), failures: 0, dead: 0 } });
      expect((await other.claim("soc", "b", LEASE_SECONDS, 99)).state.position).toEqual(startOf(7));
    });

    test("one process at a time sends to a receiver, whichever comes first", async () => {
      const kinds = await Promise.all(
        Array.from({ length: 10 }, (_, index) => take(index % 2 === 0 ? one : other, `h${String(index)}`)),
      );
      expect(kinds.filter((kind) => kind === "claimed")).toHaveLength(1);
    });

    test("it is taken over once its time is up, or it was released; and its holder goes on with it", async () => {
      expect(await take(one, "a")).toBe("claimed");
      expect(await take(other, "b")).toBe("held");
      expect(await take(one, "a")).toBe("claimed");
      await place.age(LEASE_SECONDS + 2);
      expect(await take(other, "b")).toBe("claimed");
      expect(await take(one, "a")).toBe("held");
      await one.release("soc", "a");
      expect(await take(one, "a")).toBe("held");
      await other.release("soc", "b");
      expect(await take(one, "a")).toBe("claimed");
    });

    test("it is taken over when it is held for longer than anyone asks for: the clock was ahead, and was set back", async () => {
      expect((await one.claim("soc", "a", 2 * LEASE_SECONDS, 7)).kind).toBe("claimed");
      expect(await take(other, "b")).toBe("claimed");
    });

    test("a process that lost it moves nothing, and neither does one that is behind", async () => {
      await take(one, "a");
      await place.age(LEASE_SECONDS + 2);
      await take(other, "b");
      expect(await one.settle("soc", "a", startOf(7), delivered(startOf(8)))).toBeUndefined();
      expect((await other.settle("soc", "b", startOf(7), delivered(startOf(8))))?.position).toEqual(
        startOf(8),
      );
      expect(await other.settle("soc", "b", startOf(7), delivered(startOf(9)))).toBeUndefined();
      const part = { epoch: 8, part: 2, after: "x".repeat(22) };
      await other.settle("soc", "b", startOf(8), delivered(part));
      expect(await other.settle("soc", "b", startOf(8), delivered(startOf(9)))).toBeUndefined();
      expect(await one.states()).toMatchObject([{ receiver: "soc", position: part }]);
    });

    test("a failure is remembered for the next process: how often, since when, why, and when to try again", async () => {
      const { state } = await one.claim("soc", "a", LEASE_SECONDS, 7);
      const settled = await one.settle("soc", "a", startOf(7), {
        position: startOf(7),
        failures: 3,
        failingSince: state.now,
        fault: { reason: "answered", status: 503 },
        waitSeconds: 60,
        dead: undefined,
      });
      expect((settled?.nextTryAt ?? 0) - (settled?.now ?? 0)).toBe(60);
      await one.release("soc", "a");
      expect((await other.claim("soc", "b", LEASE_SECONDS, 0)).state).toMatchObject({
        failures: 3,
        failingSince: state.now,
        fault: { reason: "answered", status: 503 },
        position: startOf(7),
      });
    });

    test("what is given up is a dead letter until it is forgotten, and the receiver goes on", async () => {
      await take(one, "a");
      await other.claim("ops", "a", LEASE_SECONDS, 1);
      const fault = { reason: "timeout", status: undefined };
      const dead = { failures: 4, fault };
      for (const epoch of [7, 8, 9])
        await one.settle("soc", "a", startOf(epoch), { ...delivered(startOf(epoch + 1)), dead });
      const state = await one.settle("ops", "a", startOf(1), { ...delivered(startOf(2)), dead });
      expect(state).toMatchObject({ position: startOf(2), failures: 0, dead: 1 });
      const letters = await other.dead(undefined, undefined, 10);
      expect(letters).toMatchObject([
        { receiver: "ops", position: startOf(1), failures: 4, fault },
        { receiver: "soc", position: startOf(7) },
        { receiver: "soc", position: startOf(8) },
        { receiver: "soc", position: startOf(9) },
      ]);
      const after = { receiver: "soc", epoch: 7, part: 1 };
      expect(await other.dead("soc", after, 1)).toMatchObject([{ position: startOf(8) }]);
      expect(await other.forget("soc", startOf(8))).toBe(true);
      expect(await one.forget("soc", startOf(8))).toBe(false);
      expect((await one.states()).map(({ receiver, dead: count }) => [receiver, count])).toEqual([
        ["ops", 1],
        ["soc", 2],
      ]);
    });
  });
}
