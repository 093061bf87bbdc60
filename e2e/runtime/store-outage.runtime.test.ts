import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { startRuntime } from "./doors/runtime-process.ts";
import { FAST, FAST_ENVIRONMENT } from "./pairs/fast-rotation.ts";
import { type Issuer, startIssuer } from "./pairs/issuer.ts";
import { EASY_CHECKS_AT_ONCE, moreRotations, startLoad, sumOf } from "./pairs/load.ts";
import { checksOn } from "./pairs/pair.ts";
import { printReport } from "./pairs/report.ts";
import { openStoreLine, type StoreLine } from "./pairs/store-line.ts";
import { postgresServer } from "./pairs/story-store.ts";

/** Longer than a lead and a token's life: nothing that was there before carries the service over it. */
const OUTAGE_MS = 12_000;
const FENCED_MS_MAX = 2_000;

describe.concurrent.each(["cut", "freeze"] as const)("after a %s of the line to its store", (outage) => {
  test("the service mints nothing until it is restored, and no token that it minted is rejected", async ({
    skip,
  }) => {
    const store = await postgresServer();
    if (store === undefined) return skip("no PostgreSQL on this machine");
    const line = await openStoreLine(store.url);
    try {
      await rotateThrough(line, outage);
    } finally {
      line.close();
      await store.remove();
    }
  }, 300_000);
});

async function rotateThrough(line: StoreLine, outage: "cut" | "freeze"): Promise<void> {
  const issuer = await startIssuer({
    ...FAST_ENVIRONMENT,
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: line.url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  });
  const runtime = await startRuntime({ jwksUrl: issuer.jwksUrl, jwksTtlSeconds: FAST.jwksTtlSeconds });
  const checks = checksOn(runtime);
  const begun = performance.now();
  const { mint, publishedKids } = issuer;
  const load = await startLoad({
    mint,
    publishedKids,
    check: checks.check,
    checksAtOnce: EASY_CHECKS_AT_ONCE,
  });
  try {
    await moreRotations(load, 1);
    line[outage]();
    await pause(FENCED_MS_MAX);
    await expectFenced(issuer);
    await pause(OUTAGE_MS - FENCED_MS_MAX);
    await expectFenced(issuer);
    line.restore();
    await moreRotations(load, 2);
    await load.stop();
    const seen = {
      seconds: (performance.now() - begun) / 1_000,
      sum: sumOf([load.tally]),
      doors: checks.checks,
    };
    printReport(`the line to the store: ${outage} for ${String(OUTAGE_MS / 1_000)} s`, seen, [issuer]);
    expect(load.tally.wrongRejections).toEqual([]);
    expect(load.tally).toMatchObject({ noAnswers: 0, wrongAcceptances: 0, jwksWithoutLiveKey: 0 });
  } finally {
    checks.close();
    await Promise.all([issuer.service.stop("SIGKILL"), runtime.stop()]);
  }
}

/** It lives, says why it does not serve, and neither signs nor shows an old key set. */
async function expectFenced(issuer: Issuer): Promise<void> {
  expect(await issuer.publishedKids()).toBeUndefined();
  await expect(issuer.mint()).rejects.toThrow("no token: 503");
  expect(await issuer.admin("/readyz")).toMatchObject({ status: 503, body: { reasons: ["lease_expired"] } });
}
