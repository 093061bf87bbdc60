import { beforeEach, expect, test } from "vitest";
import { after, epochMs } from "../../kernel/clock.ts";
import { systemRandom } from "../../kernel/random.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { memoryLedger } from "../../stores/memory/ledger.ts";
import { memoryRecords } from "../../stores/memory/records.ts";
import { memoryRevocations } from "../../stores/memory/revocations.ts";
import { callerId } from "../../testing/callers.ts";
import {
  jti,
  kid as kidNamed,
  LIFE_SECONDS_MAX,
  order,
  sender as senderNamed,
} from "../../testing/contracts/revocations-contract.ts";
import { batchAfter, headAfter, mintEntry } from "../../testing/ledger-entries.ts";
import { TestClock } from "../../testing/moments.ts";
import { newChainName } from "../chain.ts";
import type { MintFacts } from "../entry.ts";
import type { TokenFacts } from "../ledger.ts";
import type { RevocationStore } from "./revocation-store.ts";
import { RevocationView, STALE_AFTER_MS } from "./revocation-view.ts";

const [sender, other] = [senderNamed("agent://a"), senderNamed("agent://b")];
const kid = kidNamed("k");

let clock: TestClock;
let seconds: number;
let store: RevocationStore;
let isCut: boolean;
let view: RevocationView;
let record: (tokens: Record<string, Partial<MintFacts>>) => Promise<void>;

beforeEach(() => {
  clock = new TestClock();
  seconds = 0;
  isCut = false;
  const records = memoryRecords();
  const ledger = memoryLedger(records);
  store = memoryRevocations(records, LIFE_SECONDS_MAX, clock);
  view = newView();
  let head: Parameters<typeof batchAfter>[0] = newChainName(systemRandom());
  record = async (tokens) => {
    const entries = Object.entries(tokens).map(([id, facts]) =>
      mintEntry(jti(id), { iat: clock.now(), exp: after(clock.now(), 300), ...facts }),
    );
    const batch = batchAfter(head, entries, epochMs(clock.nowMs()));
    await ledger.append(batch);
    head = headAfter(batch);
  };
});

function newView(): RevocationView {
  const changes: RevocationStore["changes"] = (from) =>
    isCut ? Promise.reject(new StoreUnavailable("unreachable")) : store.changes(from);
  return new RevocationView({ store: { changes }, clock, stopwatch: { elapsed: () => seconds } });
}

function token(id: string, override: Partial<TokenFacts> = {}): TokenFacts {
  return { jti: jti(id), sub: sender, iat: clock.now(), kid, ...override };
}

test("a replica knows a revocation once it has looked, and one that starts knows all that stand", async () => {
  await record({ a: {} });
  await view.poll();
  await store.revoke({ kind: "jti", jti: jti("a") }, order());
  expect(view.isStopped(token("a"))).toBe(false);
  await view.catchUp(1);
  expect(view.isStopped(token("a"))).toBe(true);
  expect(view.isStopped(token("b"))).toBe(false);
  expect(view.isStopped(token("b", { parent: jti("a") }))).toBe(true);

  const restarted = newView();
  expect(restarted.epoch).toBe(-1);
  await restarted.poll();
  expect([restarted.epoch, restarted.isStopped(token("a"))]).toEqual([1, true]);
});

test("each door stops what it names", async () => {
  const [ci, cd] = [callerId("ci"), callerId("cd")];
  await store.revoke({ kind: "sender", sender }, order());
  await store.revoke({ kind: "caller", caller: ci }, order());
  await store.revoke({ kind: "run", run: "nightly" }, order());
  await store.revoke({ kind: "kid", kid }, order());
  await view.poll();
  const free = { sub: other, kid: kidNamed("k2") };
  const later = after(clock.now(), 1);
  expect(view.isStopped(token("x", free))).toBe(false);
  expect(view.isStopped(token("x", { ...free, sub: sender }))).toBe(true);
  expect(view.isStopped(token("x", { ...free, sub: sender, iat: later }))).toBe(false);
  expect(view.isStopped(token("x", { ...free, caller: ci }))).toBe(true);
  expect(view.isStopped(token("x", { ...free, caller: ci, iat: later }))).toBe(false);
  expect(view.isStopped(token("x", { ...free, caller: cd }))).toBe(false);
  expect(view.isStopped(token("x", { ...free, run: "nightly", iat: later }))).toBe(true);
  expect(view.isStopped(token("x", { ...free, kid, iat: later }))).toBe(true);
});

test("a sender or a caller that was stopped gets tokens again in the next second", async () => {
  const ci = callerId("ci");
  expect(view.firstFreeSecond({ sub: sender, caller: ci })).toBeUndefined();
  await store.revoke({ kind: "sender", sender }, order());
  clock.move(2);
  await store.revoke({ kind: "caller", caller: ci }, order());
  await view.poll();
  expect(view.firstFreeSecond({ sub: sender })).toBe(clock.now() - 1);
  expect(view.firstFreeSecond({ sub: sender, caller: ci })).toBe(clock.now() + 1);
  expect(view.firstFreeSecond({ sub: other, caller: callerId("cd") })).toBeUndefined();
});

test("what is undone is free, unless another revocation stops it too", async () => {
  await record({ a: { run: "r" }, b: { run: "r" } });
  await store.revoke({ kind: "run", run: "r" }, order());
  await view.poll();
  await store.revoke({ kind: "jti", jti: jti("a") }, order());
  await view.poll();
  await store.undo(1, order());
  expect(view.isStopped(token("b", { run: "r" }))).toBe(true);
  await view.poll();
  expect([view.isStopped(token("a")), view.isStopped(token("b", { run: "r" }))]).toEqual([true, false]);
  await store.undo(2, order());
  await view.poll();
  expect(view.isStopped(token("a"))).toBe(false);
});

test("one that stops the same again takes the place of the first, without a gap", async () => {
  await record({ a: { run: "r" } });
  await store.revoke({ kind: "run", run: "r" }, order());
  await view.poll();
  await store.revoke({ kind: "run", run: "r" }, order());
  expect(view.isStopped(token("a"))).toBe(true);
  await view.poll();
  expect([view.isStopped(token("a")), view.isStopped(token("x", { run: "r" }))]).toEqual([true, true]);
  expect(await store.undo(1, order())).toBeUndefined();
  await store.undo(2, order());
  await view.poll();
  expect([view.isStopped(token("a")), view.isStopped(token("x", { run: "r" }))]).toEqual([false, false]);
});

test("what was stopped again and then undone is free, though the replica saw neither", async () => {
  await record({ a: { run: "r" } });
  await store.revoke({ kind: "run", run: "r" }, order());
  await view.poll();
  await store.revoke({ kind: "run", run: "r" }, order());
  await store.undo(2, order());
  await view.poll();
  expect([view.isStopped(token("a")), view.isStopped(token("x", { run: "r" }))]).toEqual([false, false]);
});

test("a run gets no tokens until that is undone, however long ago it was stopped", async () => {
  await store.revoke({ kind: "run", run: "r" }, order());
  await view.poll();
  clock.move(100 * LIFE_SECONDS_MAX);
  await view.poll();
  expect(view.isStopped(token("x", { run: "r" }))).toBe(true);
  const restarted = newView();
  await restarted.poll();
  expect(restarted.isStopped(token("x", { run: "r" }))).toBe(true);
  await store.undo(1, order());
  await view.poll();
  expect(view.isStopped(token("x", { run: "r" }))).toBe(false);
});

test("what has nothing left to stop leaves the memory, two minutes after its end", async () => {
  await record({ a: {}, b: { exp: after(clock.now(), 900) } });
  await store.revoke({ kind: "jti", jti: jti("a") }, order());
  await store.revoke({ kind: "jti", jti: jti("b") }, order());
  await store.revoke({ kind: "sender", sender }, order());
  await view.poll();
  expect(view.size).toBe(3);
  clock.move(300 + 119);
  await view.poll();
  expect(view.isStopped(token("a"))).toBe(true);
  clock.move(62);
  await view.poll();
  expect([view.isStopped(token("a")), view.isStopped(token("b")), view.size]).toEqual([false, true, 2]);
  clock.move(LIFE_SECONDS_MAX + 120);
  await view.poll();
  expect(view.size).toBe(0);
});

test("a token that leaves the list by one revocation stays on it by another", async () => {
  await store.revoke({ kind: "jti", jti: jti("lost") }, order());
  clock.move(1_200);
  await store.revoke({ kind: "root", jti: jti("lost") }, order());
  await view.poll();
  clock.move(LIFE_SECONDS_MAX - 600);
  await view.poll();
  expect(view.isStopped(token("lost"))).toBe(true);
  clock.move(1_200);
  await view.poll();
  expect([view.isStopped(token("lost")), view.size]).toEqual([false, 0]);
});

test("a replica that is cut off says so within a second, keeps what it knows, and catches up", async () => {
  expect(view.freshness()).toEqual({ ageMs: Number.POSITIVE_INFINITY, isFresh: false });
  await store.revoke({ kind: "run", run: "r" }, order());
  await view.poll();
  expect(view.freshness()).toEqual({ ageMs: 0, isFresh: true });
  isCut = true;
  seconds += STALE_AFTER_MS / 1_000;
  expect(view.freshness().isFresh).toBe(true);
  seconds += 0.01;
  expect(view.freshness().isFresh).toBe(false);
  await expect(view.poll()).rejects.toThrow(StoreUnavailable);
  await expect(view.catchUp(2)).rejects.toThrow(StoreUnavailable);
  expect(view.isStopped(token("x", { run: "r" }))).toBe(true);
  isCut = false;
  await view.poll();
  expect(view.freshness().isFresh).toBe(true);
});

test("an age is counted from the beginning of a look, not from its end", async () => {
  const slow = new RevocationView({
    store: {
      changes: (from) => {
        seconds += 0.9;
        return store.changes(from);
      },
    },
    clock,
    stopwatch: { elapsed: () => seconds },
  });
  await slow.poll();
  expect(slow.freshness().ageMs).toBeCloseTo(900);
});

test("one who waits for a revocation is not served by a look that began before it", async () => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  let looks = 0;
  const slow = new RevocationView({
    store: {
      changes: async (from) => {
        looks += 1;
        const page = await store.changes(from);
        if (looks === 1) await gate;
        return page;
      },
    },
    clock,
    stopwatch: { elapsed: () => seconds },
  });
  const early = slow.poll();
  await store.revoke({ kind: "run", run: "r" }, order());
  const caught = slow.catchUp(1);
  release();
  await Promise.all([early, caught]);
  expect([looks, slow.epoch]).toEqual([2, 1]);
});

test("a store that was put back to an earlier state is read anew", async () => {
  await store.revoke({ kind: "run", run: "r" }, order());
  await store.revoke({ kind: "run", run: "s" }, order());
  await view.poll();
  const older = memoryRevocations(memoryRecords(), LIFE_SECONDS_MAX, clock);
  await older.revoke({ kind: "run", run: "r" }, order());
  store = older;
  await view.poll();
  expect([
    view.epoch,
    view.isStopped(token("x", { run: "r" })),
    view.isStopped(token("x", { run: "s" })),
  ]).toEqual([1, true, false]);
});

test.each([
  [1, "as many"],
  [2, "more"],
])(
  "a store that lost a revocation, as in a failover, and has %i others since (%s) is read anew",
  async (count) => {
    await store.revoke({ kind: "run", run: "lost" }, order());
    await view.poll();
    const promoted = memoryRevocations(memoryRecords(), LIFE_SECONDS_MAX, clock);
    for (let index = 0; index < count; index += 1)
      await promoted.revoke({ kind: "run", run: `new-${String(index)}` }, order());
    store = promoted;
    await view.poll();
    expect(["lost", "new-0"].map((run) => view.isStopped(token("x", { run })))).toEqual([false, true]);
  },
);

test("what left the memory while the clock was ahead is stopped again once it is right, and until then nothing is live", async () => {
  await record({ a: {} });
  await store.revoke({ kind: "jti", jti: jti("a") }, order());
  await store.revoke({ kind: "sender", sender: other }, order());
  await view.poll();
  clock.move(10 * LIFE_SECONDS_MAX);
  await view.poll();
  const late = newView();
  await late.poll();
  expect([view.size, late.size]).toEqual([0, 0]);
  clock.move(-10 * LIFE_SECONDS_MAX);
  for (const replica of [view, late]) {
    expect(replica.freshness().isFresh).toBe(false);
    await replica.poll();
    expect(replica.freshness().isFresh).toBe(true);
    expect(replica.isStopped(token("a"))).toBe(true);
    expect(replica.isStopped(token("x", { sub: other }))).toBe(true);
  }
});

test("a machine that slept knows how long, though its stopwatch stood still", async () => {
  await view.poll();
  clock.move(1);
  expect(view.freshness().isFresh).toBe(true);
  clock.move(600);
  expect(view.freshness()).toEqual({ ageMs: 600_000, isFresh: false });
  await view.poll();
  expect(view.freshness()).toEqual({ ageMs: 0, isFresh: true });
});
