import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { FAST, FAST_ENVIRONMENT } from "./fast-rotation.ts";
import type { Issuer } from "./issuer.ts";
import { ALL_CHECKS_AT_ONCE } from "./load.ts";
import { endPair, loadPairs, type Pair, startPair, withPair } from "./pair.ts";
import { printReport } from "./report.ts";
import { sizesOfThisRun } from "./sizes.ts";

const sizes = sizesOfThisRun();
/** Far more than a run takes: a machine that is busy with other work makes it longer, not wrong. */
const RUN_SECONDS_MAX = 30 * 60;
const CONTROL_MS_MAX = 120_000;

test(
  "rotation at the shortest lead that the service accepts refuses no honest token, and no token outlives its key",
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

describe.concurrent("the same load finds what rotation must not do", () => {
  /** ES256: such a key is made in no time, so that what is done by hand takes effect at once. */
  const BY_HAND = {
    ...FAST_ENVIRONMENT,
    MACP_AUTH_KEY_ROTATION_SECONDS: "3600",
    MACP_AUTH_SIGNING_ALG: "ES256",
  };

  test(
    "honest tokens are refused where a runtime keeps the JWKS for longer than the service was told",
    () =>
      withPair(
        FAST_ENVIRONMENT,
        async (pair) => {
          const seen = await loadPairs([pair], { enough: ({ sum }) => sum.rotations >= 3 });
          printReport("control: T is 60 s, declared as 2 s", seen, [pair.issuer]);
          expect(seen.sum.wrongRejections.length).toBeGreaterThan(0);
        },
        60,
      ),
    CONTROL_MS_MAX,
  );

  test(
    "honest tokens are refused where a key signs before it was served for its lead",
    () =>
      withPair(BY_HAND, async (pair) => {
        const load = loadPairs([pair], { enough: ({ seconds }) => seconds > FAST.leadSeconds + 8 });
        await pause((FAST.leadSeconds + 2) * 1_000);
        await untilRuntimeFetches(pair);
        expect(await pair.issuer.admin("/keys/rotate", {})).toMatchObject({ status: 200 });
        expect(await pair.issuer.admin("/keys/rotate", {})).toMatchObject({
          status: 409,
          body: { refused: { reason: "not_ready", accept: "short-lead" } },
        });
        expect(await pair.issuer.admin("/keys/rotate", { accept: ["short-lead"] })).toMatchObject({
          status: 200,
        });
        const seen = await load;
        printReport("control: the second of two rotations has no lead", seen, [pair.issuer]);
        expect(seen.sum.wrongRejections.length).toBeGreaterThan(0);
      }),
    CONTROL_MS_MAX,
  );

  test(
    "honest tokens are refused where a key leaves the JWKS while its tokens live",
    () =>
      withPair(BY_HAND, async (pair) => {
        const load = loadPairs([pair], { enough: ({ seconds }) => seconds > FAST.leadSeconds + 7 });
        await pause((FAST.leadSeconds + 2) * 1_000);
        const [first = ""] = (await pair.issuer.publishedKids()) ?? [];
        expect(await pair.issuer.admin("/keys/rotate", {})).toMatchObject({ status: 200 });
        const retirement = { kid: first };
        expect(await pair.issuer.admin("/keys/retire", retirement)).toMatchObject({
          status: 409,
          body: { refused: { reason: "live_tokens", accept: "live-tokens" } },
        });
        expect(
          await pair.issuer.admin("/keys/retire", { ...retirement, accept: ["live-tokens"] }),
        ).toMatchObject({ status: 200 });
        const seen = await load;
        printReport("control: a key leaves the JWKS with its tokens alive", seen, [pair.issuer]);
        expect(seen.sum.wrongRejections.filter(({ kid }) => kid === first).length).toBeGreaterThan(0);
        expect(seen.sum.jwksWithoutLiveKey).toBeGreaterThan(0);
      }),
    CONTROL_MS_MAX,
  );
});

/** How often the services say that another key signs. */
function rotationsLogged(pairs: readonly Pair[]): number {
  return pairs
    .map((pair) => pair.issuer.service.events("signing_key_changed").length)
    .reduce((one, other) => one + other, 0);
}

/** Resolves just after the runtime fetched the JWKS: what is published now it learns of at the end of T. */
async function untilRuntimeFetches({ issuer }: Pair): Promise<void> {
  const before = await fetchesOfRuntime(issuer);
  while ((await fetchesOfRuntime(issuer)) === before) await pause(20);
}

/** The runtime gives no user agent; whoever else fetches here does. */
async function fetchesOfRuntime(issuer: Issuer): Promise<number> {
  const { body } = await issuer.admin("/keys");
  const { verifiers } = body as { verifiers: { user_agent: string; fetches: number }[] };
  return verifiers
    .filter((verifier) => verifier.user_agent === "")
    .reduce((sum, verifier) => sum + verifier.fetches, 0);
}
