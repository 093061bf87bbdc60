import { beforeEach, expect, test } from "vitest";
import { viewOf } from "../../keys/key-view.ts";
import type { RevocationStore } from "../../ledger/revocation/revocation-store.ts";
import { RevocationView } from "../../ledger/revocation/revocation-view.ts";
import { memoryRecords } from "../../stores/memory/records.ts";
import { memoryRevocations } from "../../stores/memory/revocations.ts";
import { jti, kid, LIFE_SECONDS_MAX, order, sender } from "../../testing/contracts/revocations-contract.ts";
import { TestClock } from "../../testing/moments.ts";
import { testKey } from "../../testing/test-keys.ts";
import { answerFeed } from "./answer-feed.ts";
import { FeedPage, FeedQuery } from "./feed-shapes.ts";
import { FollowedMint } from "./followed-mint.ts";

const ISSUER = "https://auth.example";
const KEYS = { view: () => viewOf(undefined, [testKey("signing").publicJwk]) };
const TOKEN = { jti: jti("a"), sub: sender("x"), iat: new TestClock().now(), kid: kid("x") };

let there: TestClock;
let here: TestClock;
let seconds: number;
let store: RevocationStore;
let guard: FollowedMint;

beforeEach(() => {
  [there, here, seconds] = [new TestClock(), new TestClock(), 0];
  const stopwatch = { elapsed: () => seconds };
  store = memoryRevocations(memoryRecords(), LIFE_SECONDS_MAX, there);
  const revocations = new RevocationView({ store, clock: there, stopwatch });
  const deps = { store, revocations, keys: KEYS, clock: there, issuer: ISSUER };
  guard = new FollowedMint({
    ask: async (query) => {
      await revocations.poll();
      const page = await answerFeed(deps, FeedQuery.parse(Object.fromEntries(new URLSearchParams(query))));
      return FeedPage.parse(JSON.parse(JSON.stringify(page)));
    },
    clock: here,
    stopwatch,
    issuer: ISSUER,
    staleAfterMs: 1_000,
    sizeMax: 100,
    wentBack: () => undefined,
  });
});

/** Time passes, by every clock. */
function pass(by: number): void {
  seconds += by;
  here.move(by);
  there.move(by);
}

test("tokens end by the mint's clock where the one of this machine is behind, also between two polls", async () => {
  here.move(-3_600);
  await guard.poll();
  expect(guard.clock.now()).toBe(there.now());
  pass(600);
  expect(guard.clock.now()).toBe(there.now());
});

test("tokens end by the clock of this machine where it is ahead: nothing is accepted for longer than the mint says", async () => {
  here.move(3_600);
  await guard.poll();
  expect(guard.clock.now()).toBe(here.now());
});

test("a guard whose clock is behind is ready after its second look, and stays so", async () => {
  here.move(-3_600);
  await guard.poll();
  await guard.poll();
  expect(guard.revocations.freshness().isFresh).toBe(true);
  pass(1);
  expect(guard.revocations.freshness().isFresh).toBe(true);
});

test.each([
  ["the mint", () => there],
  ["this machine", () => here],
])("a revoked token stays stopped when the clock of %s was ahead for a while", async (_whose, clock) => {
  await store.revoke({ kind: "jti", jti: jti("a") }, order());
  await guard.poll();
  clock().move(10 * LIFE_SECONDS_MAX);
  await guard.poll();
  clock().move(-10 * LIFE_SECONDS_MAX);
  for (let looks = 0; looks < 3; looks += 1) await guard.poll();
  expect(guard.revocations.freshness().isFresh).toBe(true);
  expect(guard.revocations.isStopped(TOKEN)).toBe(true);
});
