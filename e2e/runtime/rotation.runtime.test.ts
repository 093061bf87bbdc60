import { expect, test } from "vitest";
import { FAST_ENVIRONMENT } from "./pairs/fast-rotation.ts";
import { ALL_CHECKS_AT_ONCE } from "./pairs/load.ts";
import { endPair, loadPairs, type Pair, startPair } from "./pairs/pair.ts";
import { printReport } from "./pairs/report.ts";
import { sizesOfThisRun } from "./pairs/sizes.ts";

const sizes = sizesOfThisRun();
/** Far more than a run takes: a machine that is busy with other work makes it longer, not wrong. */
const RUN_SECONDS_MAX = 30 * 60;

test(
  "with the shortest lead that the service accepts rotation makes no runtime reject a valid token, and no token outlives its key",
  async () => {
    const pairs = await Promise.all(
      Array.from({ length: sizes.pairs }, (_, place) =>
        startPair({ ...FAST_ENVIRONMENT, MACP_AUTH_SIGNING_ALG: place % 2 === 0 ? "RS256" : "ES256" }),
      ),
    );
    try {
      const seen = await loadPairs(pairs, {
        checksAtOnce: ALL_CHECKS_AT_ONCE,
        secondsMax: RUN_SECONDS_MAX,
        enough: ({ sum }) => sum.rotations >= sizes.rotations && sum.checks >= sizes.checks,
      });
      printReport(
        "rotation",
        seen,
        pairs.map((pair) => pair.issuer),
      );
      expect(seen.sum.wrongRejections).toEqual([]);
      expect(seen.sum).toMatchObject({ noAnswers: 0, wrongAcceptances: 0, jwksWithoutLiveKey: 0 });
      expect(seen.sum.rightRejections).toBeGreaterThan(0);
      expect(seen.sum.keysServedMax).toBeLessThanOrEqual(4);
      expect(rotationsLogged(pairs)).toBeGreaterThanOrEqual(seen.sum.rotations);
    } finally {
      await Promise.all(pairs.map(endPair));
    }
  },
  (RUN_SECONDS_MAX + 60) * 1_000,
);

/** How often the services say that another key signs. */
function rotationsLogged(pairs: readonly Pair[]): number {
  return pairs
    .map((pair) => pair.issuer.service.events("signing_key_changed").length)
    .reduce((one, other) => one + other, 0);
}
