import { decodeJwt } from "jose";
import { beforeEach, describe, expect, test } from "vitest";
import { epochMs } from "../kernel/clock.ts";
import { newJti } from "../kernel/ids.ts";
import { systemRandom } from "../kernel/random.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import { sealingWith } from "../keys/custody/sealing.ts";
import { purposeKeys } from "../keys/purposes/purpose-keys.ts";
import { newRevocationId } from "../ledger/revocation/revocation-store.ts";
import type { Selector } from "../ledger/revocation/selector.ts";
import { memoryEventCursors } from "../stores/memory/event-cursors.ts";
import { memoryPurposeKeys } from "../stores/memory/purpose-keys.ts";
import { memoryRecords } from "../stores/memory/records.ts";
import { memoryRevocations } from "../stores/memory/revocations.ts";
import { keksUnder } from "../testing/custodies.ts";
import { TestClock } from "../testing/moments.ts";
import { senderOf } from "../testing/policies.ts";
import type { EventCursors } from "./event-cursors.ts";
import { EventSender } from "./event-sender.ts";
import { judgeAnswer } from "./judge-answer.ts";
import { replayDead, testReceiver } from "./operate-events.ts";
import { readEvent } from "./read-event.ts";
import { EVENT_KINDS, type EventReceiver } from "./receiver.ts";
import type { Deliver } from "./send-pending.ts";

const HOUR = 3_600;
const DAY = 24 * HOUR;
const random = systemRandom();

interface Said {
  readonly epoch: number;
  readonly tokens: readonly string[];
}

describe("what a receiver is sent", () => {
  let clock: TestClock;
  let store: ReturnType<typeof memoryRevocations>;
  let cursors: EventCursors;
  let receiver: EventReceiver;
  let answer: (said: Said) => number | "no answer";
  let tried: Said[];
  let accepted: number[];
  let dead: string[];

  beforeEach(() => {
    clock = new TestClock();
    store = memoryRevocations(memoryRecords(), HOUR, clock);
    cursors = memoryEventCursors(clock);
    [tried, accepted, dead] = [[], [], []];
    answer = () => 202;
    receiver = {
      name: "soc",
      url: "https://soc.example/events",
      audience: "https://soc.example",
      reach: "public",
      caPem: undefined,
      bearerFile: undefined,
      kinds: EVENT_KINDS,
      hasReasons: false,
    };
  });

  const deliver: Deliver = async (_receiver, event) => {
    const [said] = Object.values(decodeJwt(event)["events"] as Record<string, Said>);
    if (said === undefined) throw new Error("no event");
    tried.push(said);
    const status = answer(said);
    if (status === "no answer") return { kind: "failed", reason: "timeout" };
    if (status < 300) accepted.push(said.epoch);
    return { kind: "answered", status, err: undefined, retryAfterSeconds: undefined };
  };
  const keys = purposeKeys({
    purpose: "events",
    store: memoryPurposeKeys(),
    sealing: sealingWith(keksUnder(1)),
    nowMs: () => epochMs(1),
  });
  const depsOf = (holder: string) => ({
    cursors,
    store,
    signer: () => keys.signer(),
    deliver,
    issuer: "https://auth.example",
    clock,
    stopwatch: { elapsed: () => clock.now() },
    random,
    holder,
    giveUpSeconds: DAY,
    receivers: () => [receiver],
    lastEpoch: () => epoch,
    watch: {
      delivered: () => undefined,
      failed: () => undefined,
      dead: (name: string, position: { readonly epoch: number }) => {
        dead.push(`${name} ${String(position.epoch)}`);
      },
    },
    faulted: (_receiver: string, thrown: unknown) => {
      if (!(thrown instanceof StoreUnavailable)) throw thrown;
    },
  });
  let epoch = 0;
  beforeEach(() => {
    epoch = 0;
  });
  const revoke = async (selector: Selector) => {
    const order = { id: newRevocationId(random), by: "a", reason: "secret words" };
    ({ epoch } = await store.revoke(selector, order));
    return epoch;
  };
  const revokeToken = () => revoke({ kind: "jti", jti: newJti(random, clock.now()) });
  /** Lets time pass, second by second at first, and looks as the service does. */
  const pass = async (senders: readonly EventSender[], seconds: number, step = 1) => {
    for (let passed = 0; passed < seconds; passed += step) {
      clock.move(step);
      for (const sender of senders) await sender.look();
      for (const sender of senders) await sender.idle();
    }
  };

  test("is what is revoked after it was declared, in order, and nothing twice", async () => {
    const sender = new EventSender(depsOf("a"));
    await revokeToken();
    await pass([sender], 2);
    for (let count = 0; count < 5; count += 1) await revokeToken();
    await pass([sender], 3);
    expect(accepted).toEqual([2, 3, 4, 5, 6]);
    expect(sender.figures()).toEqual([{ receiver: "soc", behind: 0, lagSeconds: 0, dead: 0 }]);
  });

  test("comes once it is back, when it was down for an hour: everything, in order, within a minute or two, with few tries", async () => {
    const sender = new EventSender(depsOf("a"));
    await pass([sender], 2);
    answer = () => "no answer";
    for (let count = 0; count < 3; count += 1) await revokeToken();
    await pass([sender], HOUR, 5);
    expect(accepted).toEqual([]);
    expect(sender.figures()[0]).toMatchObject({ behind: 3 });
    expect(sender.figures()[0]?.lagSeconds).toBeGreaterThan(HOUR - 60);
    expect(tried.length).toBeGreaterThan(50);
    expect(tried.length).toBeLessThan(150);
    answer = () => 202;
    await pass([sender], 70);
    expect(accepted).toEqual([1, 2, 3]);
    expect(dead).toEqual([]);
  });

  test("comes to the end although every third try is answered with 500, each in its order", async () => {
    const sender = new EventSender(depsOf("a"));
    await pass([sender], 2);
    answer = () => (tried.length % 3 === 0 ? 500 : 202);
    for (let count = 0; count < 20; count += 1) await revokeToken();
    await pass([sender], 60);
    expect(accepted).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  });

  test("is given up after a day, and the next one is sent; replayed, the first arrives too", async () => {
    const sender = new EventSender(depsOf("a"));
    await pass([sender], 2);
    const poison = await revokeToken();
    const next = await revokeToken();
    answer = (said) => (said.epoch === poison ? 503 : 202);
    await pass([sender], DAY - HOUR, 30);
    expect(accepted).toEqual([]);
    await pass([sender], 2 * HOUR, 30);
    expect(accepted).toEqual([next]);
    expect(dead).toEqual([`soc ${String(poison)}`]);
    expect(sender.figures()[0]?.dead).toBe(1);
    expect(await replayDead(depsOf("a"), "soc", 20)).toMatchObject({
      replayed: 0,
      left: 1,
      fault: { reason: "answered", status: 503 },
    });
    answer = () => 202;
    expect(await replayDead(depsOf("a"), "soc", 20)).toMatchObject({ replayed: 1, left: 0 });
    expect(accepted).toEqual([next, poison]);
    expect(await replayDead(depsOf("a"), "nobody", 20)).toEqual({ kind: "unknown" });
  });

  test("is given up when the receiver says three times that it never accepts it", async () => {
    const sender = new EventSender(depsOf("a"));
    await pass([sender], 2);
    const poison = await revokeToken();
    await revokeToken();
    answer = (said) => (said.epoch === poison ? 400 : 202);
    await pass([sender], 30);
    expect(tried.filter((said) => said.epoch === poison)).toHaveLength(3);
    expect(accepted).toEqual([2]);
    expect(dead).toEqual(["soc 1"]);
  });

  test("comes from one of two replicas at a time, and from the other one when the first is gone", async () => {
    const [one, other] = [new EventSender(depsOf("a")), new EventSender(depsOf("b"))];
    await pass([one, other], 2);
    for (let count = 0; count < 10; count += 1) await revokeToken();
    await pass([one, other], 5);
    expect(accepted).toEqual(Array.from({ length: 10 }, (_, index) => index + 1));
    // The first takes the receiver and is killed in its try.
    const killed = await cursors.claim("soc", "killed", 15, 0);
    expect(killed.kind).toBe("claimed");
    await revokeToken();
    await pass([one, other], 10);
    expect(accepted).toHaveLength(10);
    await pass([one, other], 10);
    expect(accepted.at(-1)).toBe(11);
  });

  test("comes within a minute although the clock of the store was ahead, when a try failed and when its replica was killed", async () => {
    const sender = new EventSender(depsOf("a"));
    await pass([sender], 2);
    clock.move(DAY / 2);
    answer = () => "no answer";
    await revokeToken();
    await pass([sender], 3);
    expect((await cursors.claim("soc", "a", 15, 0)).kind).toBe("claimed");
    clock.move(-DAY / 2);
    answer = () => 202;
    await pass([new EventSender(depsOf("b"))], 60);
    expect(accepted).toEqual([1]);
  });

  test("leaves out the kinds that it does not want, and says why only if it may know", async () => {
    receiver = { ...receiver, kinds: ["sender", "undo"], hasReasons: true };
    const sender = new EventSender(depsOf("a"));
    await pass([sender], 2);
    await revokeToken();
    const stopped = await revoke({ kind: "sender", sender: senderOf("agent://a") });
    await pass([sender], 3);
    expect(accepted).toEqual([stopped]);
    expect(tried[0]).toMatchObject({ reason: "secret words" });
    receiver = { ...receiver, hasReasons: false };
    await revoke({ kind: "sender", sender: senderOf("agent://b") });
    await pass([sender], 3);
    expect(tried[1]).not.toHaveProperty("reason");
  });

  test("a test is sent at once, and its outcome is the answer", async () => {
    answer = () => 401;
    expect(await testReceiver(depsOf("a"), "soc")).toEqual({
      kind: "tested",
      fault: { reason: "answered", status: 401 },
    });
    expect(await testReceiver(depsOf("a"), "nobody")).toEqual({ kind: "unknown" });
  });
});

describe("a revocation with more tokens than an event holds", () => {
  test("is read in parts that follow each other, each token in one of them", async () => {
    const jtis = Array.from({ length: 25 }, () => newJti(random, new TestClock().now())).toSorted();
    const clock = new TestClock();
    const store = memoryRevocations(memoryRecords(), HOUR, clock);
    const order = { id: newRevocationId(random), by: "a", reason: "r" };
    const { epoch } = await store.revoke({ kind: "run", run: "big" }, order);
    const listing = {
      list: (before: number | undefined, limit: number) => store.list(before, limit),
      changes: async ({ jti: after }: { readonly jti: string }) => ({
        epoch,
        rules: [],
        tokens: jtis.filter((jti) => jti > after).map((jti) => ({ epoch, jti, until: clock.now() })),
        next: undefined,
      }),
    };
    const seen: string[] = [];
    const parts: number[] = [];
    let position = { epoch, part: 1, after: "" };
    for (;;) {
      const event = await readEvent(listing, position, 10);
      if (event === undefined) throw new Error("no event");
      seen.push(...event.tokens);
      parts.push(event.tokens.length);
      if (event.next === undefined) break;
      position = event.next;
    }
    expect(seen).toEqual(jtis);
    expect(parts).toEqual([10, 10, 5]);
  });
});

describe("an answer", () => {
  test.each([
    [200, undefined, "delivered"],
    [202, undefined, "delivered"],
    [299, undefined, "delivered"],
    [400, undefined, "never"],
    [400, "invalid_request", "never"],
    [400, "invalid_key", "later"],
    [400, "invalid_audience", "later"],
    [400, "something else", "never"],
    [401, undefined, "later"],
    [403, "access_denied", "later"],
    [404, undefined, "later"],
    [410, undefined, "never"],
    [413, undefined, "never"],
    [422, undefined, "never"],
    [429, undefined, "later"],
    [500, undefined, "later"],
  ] as const)("%i %s means %s", (status, err, kind) => {
    expect(judgeAnswer({ kind: "answered", status, err, retryAfterSeconds: undefined }).kind).toBe(kind);
  });
});
