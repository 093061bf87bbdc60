import { describe, expect, test } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { memoryKeyStore } from "../../stores/memory/key-store.ts";
import { RULES } from "../../testing/managed-key-sets.ts";
import { TestClock } from "../../testing/moments.ts";
import { sealerOf } from "../custody/sealer.ts";
import { openPrivateKey } from "./carry-out.ts";
import type { KeySetDeps } from "./change-key-set.ts";
import type { KeyStore } from "./key-store.ts";
import { operate } from "./operate.ts";
import { rotate } from "./rotate.ts";

/** A store in which others are faster than us for the first `races` changes. */
function contested(races: number): { deps: KeySetDeps; store: KeyStore; looks: () => number } {
  const inner = memoryKeyStore(new TestClock());
  let [lost, looks] = [0, 0];
  const store: KeyStore = {
    ...inner,
    load: () => {
      looks += 1;
      return inner.load();
    },
    replace: async (seen, changes) => {
      lost += 1;
      return lost <= races ? "stale" : inner.replace(seen, changes);
    },
  };
  const sealer = sealerOf([Buffer.alloc(32, "k")], systemRandom());
  return { deps: { store, sealer, rules: RULES }, store: inner, looks: () => looks };
}

describe("who loses the race for a change", () => {
  test.each([0, 1, 4])("%i times looks again each time, and has it then", async (races) => {
    const { deps, store, looks } = contested(races);
    const { changes, lost } = await rotate(deps);
    expect([changes.map(({ kind }) => kind), lost]).toEqual([["publish", "activate", "publish"], false]);
    expect([(await store.load()).version, looks()]).toEqual([1, races + 1]);
  });

  test("five times leaves it to the next round, and has changed nothing", async () => {
    const { deps, store } = contested(5);
    expect(await rotate(deps)).toEqual({ changes: [], alarms: [], lost: true });
    expect((await store.load()).version).toBe(0);
  });

  test("of an operation decides it anew, and says that it is lost when it never wins", async () => {
    const prepare = { kind: "prepare", alg: "ES256" } as const;
    expect(await operate(contested(4).deps, prepare, new Set())).toMatchObject({
      kind: "done",
      changes: [{ kind: "publish" }],
    });
    expect(await operate(contested(5).deps, prepare, new Set())).toEqual({ kind: "lost" });
  });
});

describe("sealing again", () => {
  const [old, fresh] = [Buffer.alloc(32, "k"), Buffer.alloc(32, "n")];
  const both = sealerOf([fresh, old], systemRandom());
  const reseal = (deps: KeySetDeps) => operate(deps, { kind: "reseal" }, new Set());

  test.each([0, 4])(
    "puts every private part under the first key-encryption key, after %i lost races",
    async (races) => {
      const { deps, store } = contested(races);
      await rotate({ ...deps, store });
      const outcome = await reseal({ ...deps, sealer: both });
      expect(outcome).toMatchObject({ kind: "done", changes: [{ kind: "reseal" }, { kind: "reseal" }] });
      const { keys } = await store.load();
      const newOnly = sealerOf([fresh], systemRandom());
      expect(keys.map((key) => openPrivateKey(newOnly, key) !== undefined)).toEqual([true, true]);
      expect(keys.map((key) => openPrivateKey(deps.sealer, key))).toEqual([undefined, undefined]);
    },
  );

  test("changes nothing when one of them cannot be opened", async () => {
    const { deps, store } = contested(0);
    await rotate(deps);
    const other = sealerOf([fresh], systemRandom());
    await expect(reseal({ ...deps, sealer: other })).rejects.toThrow(StoreCorrupt);
    expect((await store.load()).version).toBe(1);
  });

  test("is rejected where nothing is sealed", async () => {
    expect(await reseal(contested(0).deps)).toMatchObject({ kind: "refused", reason: "nothing_sealed" });
  });
});
