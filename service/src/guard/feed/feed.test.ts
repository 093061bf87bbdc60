import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { after, epochSeconds } from "../../kernel/clock.ts";
import { NO_KEYS, viewOf } from "../../keys/key-view.ts";
import type { RevocationChanges, RevocationStore } from "../../ledger/revocation/revocation-store.ts";
import { RevocationView } from "../../ledger/revocation/revocation-view.ts";
import type { Selector } from "../../ledger/revocation/selector.ts";
import { memoryRecords } from "../../stores/memory/records.ts";
import { memoryRevocations } from "../../stores/memory/revocations.ts";
import { jti, kid, LIFE_SECONDS_MAX, order, sender } from "../../testing/contracts/revocations-contract.ts";
import { TestClock } from "../../testing/moments.ts";
import { testKey } from "../../testing/test-keys.ts";
import { answerFeed } from "./answer-feed.ts";
import { boundedPage } from "./bounded-page.ts";
import { changesIn, FeedPage, FeedQuery, queryAt } from "./feed-shapes.ts";

const ISSUER = "https://auth.example";
const KEY = testKey("signing").publicJwk;
const SERVED = viewOf(undefined, [KEY]);
const ETAG = SERVED.jwks?.etag ?? "";

describe("what a guard of another process is answered", () => {
  let clock: TestClock;
  let seconds: number;
  let store: RevocationStore;
  let asked: number;
  let replica: RevocationView;
  let areServed: boolean;

  beforeEach(() => {
    clock = new TestClock();
    [seconds, asked, areServed] = [0, 0, true];
    const stopwatch = { elapsed: () => seconds };
    store = memoryRevocations(memoryRecords(), LIFE_SECONDS_MAX, clock);
    replica = new RevocationView({ store, clock, stopwatch });
  });

  /** The page as it arrives: over a query and a JSON text. */
  async function page(query: string): Promise<FeedPage | undefined> {
    const keys = { view: () => (areServed ? SERVED : NO_KEYS) };
    const counted: Pick<RevocationStore, "changes"> = {
      changes: (from) => {
        asked += 1;
        return store.changes(from);
      },
    };
    const deps = { store: counted, revocations: replica, keys, clock, issuer: ISSUER };
    const answer = await answerFeed(deps, FeedQuery.parse(Object.fromEntries(new URLSearchParams(query))));
    return answer && FeedPage.parse(JSON.parse(JSON.stringify(answer)));
  }

  test("lets it know exactly what the replica knows, whatever was revoked and taken back (property)", async () => {
    const names = fc.constantFrom("a", "b", "c");
    const selector = fc.oneof(
      names.map((name): Selector => ({ kind: "jti", jti: jti(name) })),
      names.map((name): Selector => ({ kind: "sender", sender: sender(`agent://${name} "\u0000é😀`) })),
      names.map((run): Selector => ({ kind: "run", run })),
      names.map((name): Selector => ({ kind: "kid", kid: kid(name) })),
    );
    const step = fc.oneof(selector, fc.integer({ min: 1, max: 8 }), fc.constant("poll" as const));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        store = memoryRevocations(memoryRecords(), LIFE_SECONDS_MAX, clock);
        const stopwatch = { elapsed: () => seconds };
        replica = new RevocationView({ store, clock, stopwatch });
        const changes = async (from: Parameters<RevocationStore["changes"]>[0]) => {
          const answer = await page(queryAt(from, undefined));
          if (answer === undefined) throw new Error("there are keys");
          return changesIn(answer);
        };
        const guard = new RevocationView({ store: { changes }, clock, stopwatch });
        for (const one of [...steps, "poll" as const]) {
          if (typeof one === "number") await store.undo(one, order());
          else if (one !== "poll") await store.revoke(one, order());
          else {
            await replica.poll();
            await guard.poll();
          }
        }
        for (const name of ["a", "b", "c"])
          for (const token of [
            { jti: jti(name), sub: sender("x"), iat: clock.now(), kid: kid("x") },
            { jti: jti("x"), sub: sender(`agent://${name} "\u0000é😀`), iat: clock.now(), kid: kid("x") },
            { jti: jti("x"), sub: sender("x"), iat: clock.now(), kid: kid(name) },
            { jti: jti("x"), sub: sender("x"), iat: clock.now(), kid: kid("x"), run: name },
          ])
            expect(guard.isStopped(token)).toBe(replica.isStopped(token));
      }),
      { numRuns: 100 },
    );
  });

  test("comes from memory when nothing is new, and says how old it is", async () => {
    await replica.poll();
    seconds += 0.7;
    expect(await page("after=0")).toMatchObject({ issuer: ISSUER, epoch: 0, age_ms: 700, next: null });
    expect(asked).toBe(0);
  });

  test.each<[string, string, number]>([
    ["knows less", "after=-1", 0],
    ["knows more than this replica", "after=1", 0],
    ["asks while this replica has not looked for more than a second", "after=0", 1.1],
  ])("comes from the store when the guard %s", async (_when, query, passed) => {
    await replica.poll();
    seconds += passed;
    expect(await page(query)).toMatchObject({ epoch: 0, age_ms: 0 });
    expect(asked).toBe(1);
  });

  test("has the keys only when the guard has others, and is no page while none is served", async () => {
    const first = await page("after=-1");
    expect(first?.keys).toEqual({ etag: ETAG, keys: [KEY] });
    expect((await page(`after=0&keys=${encodeURIComponent(ETAG)}`))?.keys).toBeUndefined();
    expect((await page("after=0&keys=another"))?.keys?.etag).toBe(ETAG);
    areServed = false;
    expect(await page("after=0")).toBeUndefined();
  });
});

describe("a page that is too long", () => {
  const rule = (epoch: number, characters: number) => ({
    epoch,
    kind: "sender" as const,
    subject: "s".repeat(characters),
    cutOff: epochSeconds(1),
    until: epochSeconds(2),
    ends: [],
  });
  const token = (epoch: number, name: string) => ({
    epoch,
    jti: jti(name),
    until: after(epochSeconds(1), 1),
  });

  test("is cut after a rule, with the tokens up to it, and the next one begins behind it", () => {
    const page: RevocationChanges = {
      epoch: 9,
      rules: [rule(2, 60), rule(4, 60), rule(7, 60)],
      tokens: [token(1, "a"), token(2, "b"), token(3, "c"), token(9, "d")],
      next: undefined,
    };
    expect(boundedPage(page, 100)).toEqual({
      epoch: 2,
      rules: [rule(2, 60)],
      tokens: [token(1, "a"), token(2, "b")],
      next: { epoch: 3, jti: "" },
    });
    expect(boundedPage(page, 180)).toBe(page);
  });

  test("keeps its own end where that comes first, and one rule whatever its length", () => {
    const next = { epoch: 2, jti: jti("b") };
    const page: RevocationChanges = {
      epoch: 1,
      rules: [rule(2, 500), rule(4, 60)],
      tokens: [token(1, "a"), token(2, "b")],
      next,
    };
    expect(boundedPage(page, 100)).toEqual({ ...page, rules: [rule(2, 500)] });
  });
});
