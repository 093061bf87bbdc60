import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { FAST, FAST_ENVIRONMENT } from "./pairs/fast-rotation.ts";
import type { Issuer } from "./pairs/issuer.ts";
import { loadPairs, type Pair, withPair } from "./pairs/pair.ts";
import { printReport } from "./pairs/report.ts";

const CONTROL_MS_MAX = 180_000;
/** A T that outlasts two leads: whenever it fetches, a key that it does not know is likely to sign before it fetches again. */
const UNDECLARED_TTL_SECONDS = 2 * FAST.leadSeconds;
/** A T that is longer than an operator's three requests take, however busy the machine. */
const LONG_TTL_SECONDS = 6;

describe.concurrent("the same load finds what rotation must not do", () => {
  /** ES256: such a key is made in no time, so that what is done by hand takes effect at once. */
  const BY_HAND = {
    ...FAST_ENVIRONMENT,
    MACP_AUTH_KEY_ROTATION_SECONDS: "3600",
    MACP_AUTH_SIGNING_ALG: "ES256",
  };
  const longLeadSeconds = FAST.leadSeconds - FAST.jwksTtlSeconds + LONG_TTL_SECONDS;

  test(
    "valid tokens are rejected where a runtime caches the JWKS for longer than declared to the service",
    () =>
      withPair(
        FAST_ENVIRONMENT,
        async (pair) => {
          const seen = await loadPairs([pair], { enough: ({ sum }) => sum.rotations >= 6 });
          printReport("control: T is 10 s, declared as 2 s", seen, [pair.issuer]);
          expect(seen.sum.wrongRejections.length).toBeGreaterThan(0);
        },
        UNDECLARED_TTL_SECONDS,
      ),
    CONTROL_MS_MAX,
  );

  test(
    "valid tokens are rejected where a key signs before it was served for its lead",
    () =>
      withPair(
        {
          ...BY_HAND,
          MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS: String(LONG_TTL_SECONDS),
          MACP_AUTH_KEY_LEAD_SECONDS: String(longLeadSeconds),
        },
        async (pair) => {
          const load = loadPairs([pair], {
            enough: ({ seconds }) => seconds > longLeadSeconds + 2 * LONG_TTL_SECONDS,
          });
          await pause((longLeadSeconds + 2) * 1_000);
          await untilRuntimeFetches(pair);
          expect(await pair.issuer.admin("/keys/rotate", {})).toMatchObject({ status: 200 });
          expect(await pair.issuer.admin("/keys/rotate", {})).toMatchObject({
            status: 409,
            body: { rejected: { reason: "not_ready", accept: "short-lead" } },
          });
          expect(await pair.issuer.admin("/keys/rotate", { accept: ["short-lead"] })).toMatchObject({
            status: 200,
          });
          const seen = await load;
          printReport("control: the second of two rotations has no lead", seen, [pair.issuer]);
          expect(seen.sum.wrongRejections.length).toBeGreaterThan(0);
        },
        LONG_TTL_SECONDS,
      ),
    CONTROL_MS_MAX,
  );

  test(
    "valid tokens are rejected where a key leaves the JWKS while its tokens are valid",
    () =>
      withPair(BY_HAND, async (pair) => {
        const load = loadPairs([pair], { enough: ({ seconds }) => seconds > FAST.leadSeconds + 7 });
        await pause((FAST.leadSeconds + 2) * 1_000);
        const [first = ""] = (await pair.issuer.publishedKids()) ?? [];
        expect(await pair.issuer.admin("/keys/rotate", {})).toMatchObject({ status: 200 });
        const retirement = { kid: first };
        expect(await pair.issuer.admin("/keys/retire", retirement)).toMatchObject({
          status: 409,
          body: { rejected: { reason: "live_tokens", accept: "live-tokens" } },
        });
        expect(
          await pair.issuer.admin("/keys/retire", { ...retirement, accept: ["live-tokens"] }),
        ).toMatchObject({ status: 200 });
        const seen = await load;
        printReport("control: a key leaves the JWKS while its tokens are valid", seen, [pair.issuer]);
        expect(seen.sum.wrongRejections.filter(({ kid }) => kid === first).length).toBeGreaterThan(0);
        expect(seen.sum.jwksWithoutLiveKey).toBeGreaterThan(0);
      }),
    CONTROL_MS_MAX,
  );
});

/** Resolves just after the runtime fetched the JWKS: what is published now it learns of at the end of T. */
async function untilRuntimeFetches({ issuer }: Pair): Promise<void> {
  const before = await fetchesOfRuntime(issuer);
  while ((await fetchesOfRuntime(issuer)) === before) await pause(20);
}

/** The runtime sends no user agent; everything else that fetches here sends one. */
async function fetchesOfRuntime(issuer: Issuer): Promise<number> {
  const { body } = await issuer.admin("/keys");
  const { verifiers } = body as { verifiers: { user_agent: string; fetches: number }[] };
  return verifiers
    .filter((verifier) => verifier.user_agent === "")
    .reduce((sum, verifier) => sum + verifier.fetches, 0);
}
