import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../kernel/clock.ts";
import type { Kid } from "../../kernel/ids.ts";
import { systemRandom } from "../../kernel/random.ts";
import { BLOCK_SIZE, IndexSupply } from "../../status-lists/index-supply.ts";
import type { Block, BlockAsked, StatusListStore } from "../../status-lists/status-list-store.ts";
import { newListId, type StatusPlace } from "../../status-lists/status-place.ts";
import { HIDING_KEY_BYTES, tokenIds } from "../../status-lists/token-ids.ts";

/** Where status lists are, empty, seen by two replicas, which may be one object. */
export interface StatusListsPlace {
  readonly replicas: readonly [StatusListStore, StatusListStore];
  close(): Promise<void>;
}

const random = systemRandom();
const KID = "a" as Kid;

function asked(override: Partial<BlockAsked> = {}): BlockAsked {
  return {
    kid: KID,
    count: 10,
    size: 30,
    fresh: newListId(random),
    holdSeconds: 3_600,
    lifeSeconds: 420,
    ...override,
  };
}

function indexesOf({ list, first, count }: Block): readonly string[] {
  return Array.from({ length: count }, (_, offset) => `${list} ${String(first + offset)}`);
}

/** What every adapter of `StatusListStore` promises. */
export function describeStatusLists(name: string, open: () => Promise<StatusListsPlace>): void {
  describe(`status lists in ${name}`, () => {
    let place: StatusListsPlace;
    beforeEach(async () => {
      place = await open();
    });
    afterEach(() => place.close());

    test("blocks follow each other in a list, and a list without room is followed by another", async () => {
      const [store] = place.replicas;
      const blocks = [];
      for (let count = 0; count < 4; count += 1) blocks.push(await store.reserve(asked()));
      expect(blocks.map(({ first, count }) => [first, count])).toEqual([
        [0, 10],
        [10, 10],
        [20, 10],
        [0, 10],
      ]);
      expect(new Set(blocks.map(({ list }) => list)).size).toBe(2);
      expect(blocks[3]?.list).not.toBe(blocks[0]?.list);
    });

    test("of replicas that reserve at once, each gets indexes of its own", async () => {
      const blocks = await Promise.all(
        Array.from({ length: 40 }, (_, turn) => place.replicas[turn % 2 === 0 ? 0 : 1].reserve(asked())),
      );
      const all = blocks.flatMap(indexesOf);
      expect(new Set(all).size).toBe(400);
    });

    test("a list is of the tokens of one key", async () => {
      const [store] = place.replicas;
      const one = await store.reserve(asked());
      const other = await store.reserve(asked({ kid: "b" as Kid }));
      expect(other.list).not.toBe(one.list);
      const lists = await store.live();
      expect(lists.find(({ id }) => id === one.list)).toEqual({ id: one.list, kid: "a", size: 30 });
      expect(lists.find(({ id }) => id === other.list)?.kid).toBe("b");
    });

    test("a list leaves when no token of it can be accepted, and is not reserved of again", async () => {
      const [store] = place.replicas;
      const over = await store.reserve(asked({ holdSeconds: -500 }));
      expect(await store.live()).toEqual([]);
      expect((await store.reserve(asked())).list).not.toBe(over.list);
      expect(await store.prune()).toBe(0);
      await store.reserve(asked({ kid: "b" as Kid, holdSeconds: -90_000 }));
      expect(await store.prune()).toBe(1);
    });

    test("a list that is closed keeps its tokens, and no index of it is reserved", async () => {
      const [store, other] = place.replicas;
      const before = await store.reserve(asked());
      expect(await other.close()).toBe(1);
      expect(await other.close()).toBe(0);
      const after = await store.reserve(asked());
      expect(after.list).not.toBe(before.list);
      expect((await store.live()).map(({ id }) => id).toSorted()).toEqual(
        [before.list, after.list].toSorted(),
      );
    });

    test("no index is given to two tokens, whatever replicas mint, crash and begin again (N27a)", async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
          const given: StatusPlace[] = [];
          const supplies: [IndexSupply, IndexSupply] = [
            supplyOn(place.replicas[0]),
            supplyOn(place.replicas[1]),
          ];
          for (const { replica, what, count, kid } of steps) {
            const at = replica === 0 ? 0 : 1;
            if (what === "crash") supplies[at] = supplyOn(place.replicas[at]);
            else if (what === "close") await place.replicas[0].close();
            else given.push(...(await takeAll(supplies[at], kid as Kid, count)));
          }
          const names = given.map(({ list, idx }) => `${list} ${String(idx)}`);
          expect(new Set(names).size).toBe(names.length);
        }),
        { numRuns: 12 },
      );
    });
  });
}

const step = fc.record({
  replica: fc.nat({ max: 1 }),
  what: fc.constantFrom("take", "take", "take", "crash", "close"),
  count: fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: BLOCK_SIZE * 2 })),
  kid: fc.constantFrom("a", "a", "b"),
});

const IDS = tokenIds(random.bytes(HIDING_KEY_BYTES));

function supplyOn(store: StatusListStore): IndexSupply {
  return new IndexSupply({
    store,
    ids: () => IDS,
    random,
    clock: systemClock,
    publicUrl: "https://auth.example",
    lifeSeconds: 420,
  });
}

async function takeAll(supply: IndexSupply, kid: Kid, count: number): Promise<readonly StatusPlace[]> {
  const taken = await Promise.all(Array.from({ length: count }, () => supply.take(kid)));
  return taken.map((status) => {
    if (status === undefined) throw new Error("a token got no index");
    return status.place;
  });
}
