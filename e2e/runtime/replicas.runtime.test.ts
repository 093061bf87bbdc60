import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { startRuntime } from "./doors/runtime-process.ts";
import { FAST, FAST_ENVIRONMENT } from "./pairs/fast-rotation.ts";
import { openFront } from "./pairs/front.ts";
import { type Issuer, type Minted, mintAt, publishedKids, startIssuer } from "./pairs/issuer.ts";
import { EASY_CHECKS_AT_ONCE, moreRotations, startLoad, sumOf } from "./pairs/load.ts";
import { checksOn } from "./pairs/pair.ts";
import { printReport } from "./pairs/report.ts";
import { isQuick } from "./pairs/sizes.ts";
import { STORES, type StoryStore } from "./pairs/story-store.ts";

const ROTATIONS_BETWEEN = isQuick() ? 1 : 3;

describe.concurrent.each(STORES)("two replicas on one $name", (store) => {
  test("rotate as one; losing, replacing or freezing one of them makes no verifier reject a valid token", async ({
    skip,
  }) => {
    const open = await store.open();
    if (open === undefined) return skip(`no ${store.name} on this machine`);
    try {
      await rotateTogether(store, open.url);
    } finally {
      await open.remove();
    }
  }, 600_000);
});

async function rotateTogether({ name, isServer }: StoryStore, url: string): Promise<void> {
  const env = {
    ...FAST_ENVIRONMENT,
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
  };
  const issuers: Issuer[] = [];
  const start = async (): Promise<Issuer> => {
    const issuer = await startIssuer(env);
    issuers.push(issuer);
    return issuer;
  };
  const first = await start();
  const second = await start();
  const front = await openFront([first.url, second.url]);
  const runtime = await startRuntime({
    jwksUrl: `${front.url}/.well-known/jwks.json`,
    jwksTtlSeconds: FAST.jwksTtlSeconds,
  });
  const checks = checksOn(runtime);
  const begun = performance.now();
  const load = await startLoad({
    mint: (body) => mintAt(front.url, body),
    publishedKids: () => publishedKids(front.url),
    check: checks.check,
    checksAtOnce: EASY_CHECKS_AT_ONCE,
  });
  try {
    await moreRotations(load, ROTATIONS_BETWEEN);
    await first.service.stop("SIGKILL");
    await moreRotations(load, ROTATIONS_BETWEEN);
    const third = await start();
    front.serve([second.url, third.url]);
    await moreRotations(load, ROTATIONS_BETWEEN);
    if (isServer) {
      const woken = await frozen(third, () => moreRotations(load, 2));
      const { kid } = await second.mint();
      for (const { token } of woken.tokens) expect(await checks.check(token)).toBe("accepted");
      for (const kids of woken.sets) expect(kids).toContain(kid);
      await moreRotations(load, ROTATIONS_BETWEEN);
    }
    await load.stop();
    const seen = {
      seconds: (performance.now() - begun) / 1_000,
      sum: sumOf([load.tally]),
      doors: checks.checks,
    };
    printReport(`replicas on ${name}: one killed, one added${isServer ? ", one frozen" : ""}`, seen, issuers);
    expect(load.tally.wrongRejections).toEqual([]);
    expect(load.tally).toMatchObject({ noAnswers: 0, wrongAcceptances: 0, jwksWithoutLiveKey: 0 });
  } finally {
    checks.close();
    front.close();
    await Promise.all([...issuers.map((issuer) => issuer.service.stop("SIGKILL")), runtime.stop()]);
  }
}

/**
 * Stops a replica's process, as a machine that swaps or a virtual one that is moved would; requests tokens and keys from it; lets
 * it continue. It wakes with the keys of the time before, and with requests that came in between.
 */
async function frozen(
  issuer: Issuer,
  meanwhile: () => Promise<void>,
): Promise<{ tokens: readonly Minted[]; sets: readonly (readonly string[])[] }> {
  issuer.service.signal("SIGSTOP");
  await meanwhile();
  const asked = Array.from(
    { length: 10 },
    () => [issuer.mint().catch(() => undefined), issuer.publishedKids().catch(() => undefined)] as const,
  );
  await pause(500);
  issuer.service.signal("SIGCONT");
  const [tokens, sets] = await Promise.all([
    Promise.all(asked.map(([mint]) => mint)),
    Promise.all(asked.map(([, kids]) => kids)),
  ]);
  const woken = {
    tokens: tokens.filter((token) => token !== undefined),
    sets: sets.filter((kids) => kids !== undefined),
  };
  console.log(
    `on waking: ${String(woken.tokens.length)} of 10 tokens, ${String(woken.sets.length)} of 10 key sets`,
  );
  return woken;
}
