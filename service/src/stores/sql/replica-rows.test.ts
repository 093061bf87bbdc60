import fc from "fast-check";
import { expect, test } from "vitest";
import { toAscii } from "../../kernel/ascii.ts";
import { after } from "../../kernel/clock.ts";
import { DEFAULT_KEY_SET } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { applyChanges } from "../../keys/managed/key-change.ts";
import { planRotation } from "../../keys/managed/plan/plan-rotation.ts";
import { SECONDS_MAX } from "../../keys/timing.ts";
import { keksUnder } from "../../testing/custodies.ts";
import {
  keySet,
  LONG_AGO,
  NOW,
  RULES,
  replica,
  signingKey,
  standbyKey,
} from "../../testing/managed-key-sets.ts";
import { keysOf, rowOf, setTagOf } from "./key-rows.ts";
import { replicas } from "./replica-rows.ts";
import { rowTags } from "./row-tags.ts";

const tags = rowTags(keksUnder(7));
const due = signingKey("old", { signingFrom: after(NOW, -2 * SECONDS_MAX), notAfter: LONG_AGO });
/** Known to every verifier, whatever the lead. */
const ready = standbyKey("new", { publishedFrom: after(NOW, -5 * SECONDS_MAX) });

/** One row as the database returns it, of a live replica that reports these settings. */
const rowOfReplica = (settings: object): unknown => {
  const { id, alg, version, seenAt } = replica("one", "ES256");
  return { id: toAscii(id), alg, version, settings: JSON.stringify(settings), seenAt };
};

test("whatever seconds a replica's row holds: the read fails, or every key that is activated by it can be read back", async () => {
  const seconds = fc.oneof(fc.integer({ min: 0, max: SECONDS_MAX }), fc.maxSafeNat());
  const settings = fc.record({
    periodSeconds: seconds,
    leadSeconds: seconds,
    timing: fc.record({ maxTtlSeconds: seconds, verifierGraceSeconds: seconds, replicaLagSeconds: seconds }),
  });
  const seen = { failed: 0, activated: 0 };
  await fc.assert(
    fc.asyncProperty(settings, async (given) => {
      const timing = { ...RULES.timing, ...given.timing };
      const row = rowOfReplica({ ...given, timing, gate: "off" });
      const read = await replicas(() => Promise.resolve([row]), DEFAULT_KEY_SET).catch(
        (thrown: unknown) => thrown,
      );
      const all = [given.periodSeconds, given.leadSeconds, ...Object.values(given.timing)];
      expect(read instanceof StoreCorrupt).toBe(all.some((one) => one > SECONDS_MAX));
      if (!Array.isArray(read)) {
        seen.failed += 1;
        return;
      }
      const { steps } = planRotation(keySet([due, ready], { replicas: read }), RULES);
      const changes = steps.filter((step) => step.kind !== "make" && step.kind !== "reseal");
      seen.activated += changes.filter(({ kind }) => kind === "activate").length;
      const keys = applyChanges([due, ready], changes, NOW, 3);
      const rows = keys.map((key) => rowOf(tags, DEFAULT_KEY_SET, key));
      expect(
        keysOf(
          tags,
          {
            keySet: DEFAULT_KEY_SET,
            version: 3,
            tag: setTagOf(tags, { keySet: DEFAULT_KEY_SET, version: 3 }, rows),
          },
          rows,
        ),
      ).toEqual(keys);
    }),
  );
  expect(seen.failed).toBeGreaterThan(0);
  expect(seen.activated).toBeGreaterThan(0);
});
