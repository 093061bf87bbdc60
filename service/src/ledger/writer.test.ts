import { beforeEach, describe, expect, test } from "vitest";
import { epochMs } from "../kernel/clock.ts";
import { StoreUnavailable } from "../kernel/store-faults.ts";
import { memoryLedger } from "../stores/memory/ledger.ts";
import { batchAfter, mintEntry } from "../testing/ledger-entries.ts";
import { countingRandom } from "../testing/mint-deps.ts";
import { TestTimers } from "../testing/test-timers.ts";
import type { ChainName } from "./chain.ts";
import type { EntryKind } from "./entry.ts";
import type { Appended, Batch, LedgerStore } from "./ledger-store.ts";
import { LedgerWriter, type Recorded } from "./writer.ts";

/** What happens to one append: it works, it fails before or after the commit, or it hangs until it is let go. */
type Fate = "works" | "lost before" | "lost after" | Promise<unknown>;

const DOWN = new StoreUnavailable("unreachable");
const RECORDED: Recorded = { kind: "recorded", epoch: 0 };
const UNAVAILABLE: Recorded = { kind: "unavailable" };

let timers: TestTimers;
let seconds: number;
let ledger: LedgerStore;
let fates: Fate[];
let isDown: boolean;
let batches: Batch[];
let lost: EntryKind[];
let failures: number;
let left: ChainName[];
let writer: LedgerWriter;

beforeEach(() => {
  timers = new TestTimers();
  [fates, batches, lost, left] = [[], [], [], []];
  [isDown, failures, seconds] = [false, 0, 0];
  ledger = memoryLedger();
  writer = newWriter();
});

function newWriter(): LedgerWriter {
  const made = new LedgerWriter({
    store: {
      append,
      headOf: (chain) => answered(() => ledger.headOf(chain)),
      heads: () => answered(() => ledger.heads()),
    },
    timers,
    stopwatch: { elapsed: () => seconds },
    random: countingRandom(),
    nowMs: () => epochMs(1_800_000_000_000 + seconds * 1_000),
    writer: { version: "1.0.0" },
    forked: (chain) => left.push(chain),
  });
  made.watch({
    written: () => undefined,
    failed: () => {
      failures += 1;
    },
    lost: (kind) => lost.push(kind),
  });
  return made;
}

async function answered<T>(answer: () => Promise<T>): Promise<T> {
  if (isDown) throw DOWN;
  return answer();
}

async function append(batch: Batch): Promise<Appended> {
  batches.push(batch);
  const fate = fates.shift() ?? "works";
  if (isDown || fate === "lost before") throw DOWN;
  if (typeof fate === "object") await fate;
  const appended = await ledger.append(batch);
  if (fate === "lost after") throw DOWN;
  return appended;
}

async function pass(ms: number): Promise<void> {
  await timers.move(0);
  // In steps: what a timer does reads the stopwatch.
  for (let remaining = ms; remaining > 0; remaining -= 50) {
    seconds += Math.min(50, remaining) / 1_000;
    await timers.move(Math.min(50, remaining));
  }
}

/** Records, and gives what became of it so far. */
function record(jti: string): { outcome: Recorded | undefined } {
  const made: { outcome: Recorded | undefined } = { outcome: undefined };
  void writer.record(mintEntry(jti)).then((outcome) => {
    made.outcome = outcome;
  });
  return made;
}

/** What the ledger holds, chain by chain: the ids of tokens and the kinds of other entries. */
async function written(): Promise<string[][]> {
  const heads = await ledger.heads();
  const chains = await Promise.all(heads.map(({ chain }) => ledger.entriesOf(chain, 0, 100_000)));
  return chains.map((entries) => entries.map(({ kind, index }) => index.jti ?? kind));
}

async function theOne(): Promise<string[]> {
  const chains = await written();
  expect(chains).toHaveLength(1);
  return chains[0] ?? [];
}

/** A store that answers when it is let go. */
function hanging(): { readonly fate: Promise<void>; readonly letGo: () => void } {
  let letGo = (): void => undefined;
  const fate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  return { fate, letGo };
}

describe("entries that are waited for", () => {
  test("of one turn of the event loop are one transaction, which begins the chain", async () => {
    const all = ["a", "b", "c"].map(record);
    await pass(0);
    await timers.move(0);
    expect(all.map(({ outcome }) => outcome)).toEqual([RECORDED, RECORDED, RECORDED]);
    expect(batches).toHaveLength(1);
    expect(await theOne()).toEqual(["start", "a", "b", "c"]);
  });

  test("that come while a batch is written are the next one", async () => {
    const { fate, letGo } = hanging();
    fates = [fate];
    record("a");
    await timers.move(0);
    const later = Array.from({ length: 300 }, (_, n) => record(String(n)));
    letGo();
    await pass(50);
    expect(later.every(({ outcome }) => outcome?.kind === "recorded")).toBe(true);
    expect(batches.map(({ entries }) => entries.length)).toEqual([2, 256, 44]);
  });

  test("that come as soon as the last of a batch is answered are written, however soon", async () => {
    for (let microtasks = 0; microtasks < 12; microtasks += 1) {
      let outcome: Recorded | undefined;
      void writer.record(mintEntry("a")).then(async () => {
        for (let passed = 0; passed < microtasks; passed += 1) await Promise.resolve();
        outcome = await writer.record(mintEntry("b"));
      });
      await pass(50);
      expect({ microtasks, outcome }).toEqual({ microtasks, outcome: RECORDED });
    }
  });

  test("are answered after two seconds when the store hangs, also those that came later; others at once, until it answers", async () => {
    const { fate, letGo } = hanging();
    fates = [fate];
    const first = record("a");
    await pass(1_500);
    const second = record("b");
    await pass(450);
    expect([first.outcome, second.outcome]).toEqual([undefined, undefined]);
    await pass(50);
    expect([first.outcome, second.outcome, writer.status.isFailing]).toEqual([
      UNAVAILABLE,
      UNAVAILABLE,
      true,
    ]);
    const third = record("c");
    await timers.move(0);
    expect(third.outcome).toEqual(UNAVAILABLE);
    letGo();
    await timers.move(0);
    const fourth = record("d");
    await pass(50);
    expect([fourth.outcome, writer.status.isFailing]).toEqual([RECORDED, false]);
    // The first was written late: an entry without a token does no harm.
    expect(await theOne()).toEqual(["start", "a", "d"]);
  });

  test("never wait longer than two seconds, however slow each transaction is", async () => {
    const slow = [hanging(), hanging()];
    fates = slow.map(({ fate }) => fate);
    record("a");
    await pass(100);
    const second = record("b");
    await pass(1_400);
    slow[0]?.letGo();
    await pass(550);
    expect(second.outcome).toBeUndefined();
    await pass(50);
    expect(second.outcome).toEqual(UNAVAILABLE);
    slow[1]?.letGo();
    await writer.idle();
  });

  test("are rejected as busy when 2,000 wait, and no memory is used for them", async () => {
    const { fate, letGo } = hanging();
    fates = [fate];
    record("a");
    await timers.move(0);
    const all = Array.from({ length: 2_001 }, (_, n) => record(String(n)));
    await timers.move(0);
    expect(all.filter(({ outcome }) => outcome?.kind === "busy")).toHaveLength(1);
    letGo();
    await pass(50);
    expect(all.filter(({ outcome }) => outcome?.kind === "recorded")).toHaveLength(2_000);
  });

  test.each([
    ["was written", "lost after", ["start", "a", "b"]],
    ["was not written", "lost before", ["start", "b"]],
  ] as const)(
    "of a transaction whose answer was lost are unavailable, and the chain goes on from its end when it %s",
    async (_what, fate, chain) => {
      fates = [fate];
      const first = record("a");
      await pass(50);
      const second = record("b");
      await pass(50);
      expect([first.outcome, second.outcome]).toEqual([UNAVAILABLE, RECORDED]);
      expect(await theOne()).toEqual(chain);
      expect(left).toEqual([]);
    },
  );

  test("are unavailable at each try while the store is down, and recorded again when it is back", async () => {
    isDown = true;
    for (const jti of ["a", "b", "c"]) {
      const made = record(jti);
      await pass(50);
      expect(made.outcome).toEqual(UNAVAILABLE);
    }
    expect(failures).toBe(3);
    isDown = false;
    const back = record("d");
    await pass(50);
    expect(back.outcome).toEqual(RECORDED);
    expect(await theOne()).toEqual(["start", "d"]);
  });

  test("go to a new chain that names the old one when somebody else has written to the old one", async () => {
    record("a");
    await pass(50);
    const { head } = writer;
    if (head === undefined) throw new Error("nothing was written");
    // The same random bytes, as of a machine that was copied: the same name. It begins where ours ended.
    await ledger.append(batchAfter(head, [mintEntry("x")]));
    const second = record("b");
    await pass(50);
    expect([second.outcome, left]).toEqual([RECORDED, [head.chain]]);
    const chains = await written();
    expect(chains.toSorted((one, other) => one.length - other.length)).toEqual([
      ["start", "b"],
      ["start", "a", "x"],
    ]);
    const [begun] = await ledger.entriesOf(writer.head?.chain ?? head.chain, 0, 1);
    expect(JSON.parse(begun?.body ?? "{}")).toMatchObject({ heads: [{ chain: head.chain, seq: 3 }] });
  });

  test("go to a new chain when the store has lost what it acknowledged, as after a failover that loses data", async () => {
    record("a");
    await pass(50);
    fates = ["lost before"];
    record("b");
    await pass(50);
    ledger = memoryLedger();
    const third = record("c");
    await pass(50);
    expect([third.outcome, left.length]).toEqual([RECORDED, 1]);
    expect(await theOne()).toEqual(["start", "c"]);
  });
});

describe("entries that are kept", () => {
  test("are written once the store is back, once and in their order, though nobody asks again", async () => {
    isDown = true;
    for (const jti of ["a", "b", "c"]) expect(writer.keep(mintEntry(jti))).toBe(true);
    await pass(5_000);
    expect(writer.status.waiting).toBe(3);
    isDown = false;
    await pass(300);
    expect(await theOne()).toEqual(["start", "a", "b", "c"]);
    expect(writer.status.waiting).toBe(0);
  });

  test("of a transaction whose answer was lost are not written twice", async () => {
    fates = ["lost after"];
    for (const jti of ["a", "b"]) writer.keep(mintEntry(jti));
    await timers.move(0);
    writer.keep(mintEntry("c"));
    await pass(1_000);
    expect(await theOne()).toEqual(["start", "a", "b", "c"]);
  });

  test("outlive a store that hangs, and an entry that is waited for is not delayed by their pause", async () => {
    const { fate, letGo } = hanging();
    fates = [fate, "lost before"];
    writer.keep(mintEntry("a"));
    await pass(2_500);
    expect(writer.status.isFailing).toBe(true);
    letGo();
    await timers.move(0);
    writer.keep(mintEntry("b"));
    await timers.move(0);
    const waited = record("c");
    await timers.move(0);
    expect(waited.outcome).toEqual(RECORDED);
    expect(await theOne()).toEqual(["start", "a", "b", "c"]);
  });

  test("are bounded: of those without a place the ledger says how many they were", async () => {
    isDown = true;
    for (let n = 0; n < 10_003; n += 1)
      writer.keep(n % 2 === 0 ? mintEntry(String(n)) : { kind: "rejections", facts: {} });
    expect(lost.toSorted()).toEqual(["mint", "mint", "rejections"]);
    isDown = false;
    await pass(2_000);
    const [chain = []] = await Promise.all(
      (await ledger.heads()).map(({ chain: of }) => ledger.entriesOf(of, 0, 20_000)),
    );
    const [said, ...others] = chain.filter(({ kind }) => kind === "lost");
    expect(JSON.parse(said?.body ?? "{}")).toMatchObject({ entries: { mint: 2, rejections: 1 } });
    expect([others, chain.length]).toEqual([[], 10_002]);
  });
});
