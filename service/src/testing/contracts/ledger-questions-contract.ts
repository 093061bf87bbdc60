import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CallerId } from "../../callers/caller.ts";
import { epochMs, epochSeconds } from "../../kernel/clock.ts";
import type { Jti, Kid, Sender } from "../../kernel/ids.ts";
import type { ChainHead, ChainName } from "../../ledger/chain.ts";
import type { Entry } from "../../ledger/entry.ts";
import type { LedgerStore, StoredEntry } from "../../ledger/ledger-store.ts";
import type { Cursor } from "../../ledger/questions/cursor.ts";
import type {
  Count,
  CountsAsked,
  EntryFilter,
  Holder,
  LedgerQuestions,
  Page,
  PageAsked,
} from "../../ledger/questions/ledger-questions.ts";
import { lineageOf } from "../../ledger/questions/lineage.ts";
import { memoryLedger } from "../../stores/memory/ledger.ts";
import { memoryLedgerQuestions } from "../../stores/memory/ledger-questions.ts";
import { memoryRecords } from "../../stores/memory/records.ts";
import { batchAfter, headAfter, mintEntry, rejectionFacts } from "../ledger-entries.ts";

/** An empty ledger, and what is asked of it. */
export interface QuestionsPlace {
  readonly store: LedgerStore;
  readonly questions: LedgerQuestions;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const NOW_MS = 1_800_000_000_000;
const NOW = epochSeconds(NOW_MS / 1_000);
const ALL = { limit: 500, after: undefined } as const;

/** What every adapter of `LedgerQuestions` promises. */
export function describeLedgerQuestions(name: string, open: () => Promise<QuestionsPlace>): void {
  describe(`questions to a ledger in ${name}`, { timeout: 60_000 }, () => {
    let place: QuestionsPlace;
    beforeEach(async () => {
      place = await open();
    });
    afterEach(() => place.close());

    /** Writes entries to a chain; `at` is in hours before now. */
    async function write(
      chain: string,
      ...entries: readonly (readonly [at: number, entry: Entry])[]
    ): Promise<void> {
      await writeTo(place.store, chain, entries);
    }
    const jtis = ({ items }: Page<StoredEntry>): readonly (string | null)[] =>
      items.map(({ index }) => index.jti);

    test("entries come newest first, over all chains and weeks", async () => {
      await write("a".repeat(16), [2_000, mintEntry("t1")], [30, mintEntry("t2")], [0, mintEntry("t5")]);
      await write("b".repeat(16), [20, mintEntry("t3")], [1, mintEntry("t4")]);
      expect(jtis(await place.questions.entries({}, ALL))).toEqual(["t5", "t4", "t3", "t2", "t1"]);
    });

    test("pages neither repeat nor skip an entry, while new ones are written and many have the same millisecond", async () => {
      const { questions } = place;
      const same = Array.from({ length: 25 }, (_, index) => [5, mintEntry(`t${String(index)}`)] as const);
      await write("a".repeat(16), ...same);
      await write("b".repeat(16), ...same);
      const first = await questions.entries({ sender: "agent://a" }, { limit: 7, after: undefined });
      await write("c".repeat(16), [1, mintEntry("new")]);
      const rest = await allPages((page) => questions.entries({ sender: "agent://a" }, page), 7, first.next);
      const places = [...first.items, ...rest].map(({ chain, seq }) => `${chain} ${String(seq)}`);
      expect(places).toHaveLength(50);
      expect(new Set(places).size).toBe(50);
    });

    test("a sender, a caller and a run are found by any text, however long", async () => {
      const texts = [
        "agent://é😀",
        "%",
        "_",
        "!%_",
        "'",
        "x".repeat(5_000),
        "sha256:x",
        "a\u0000b",
        '"',
        "\\",
      ];
      for (const [index, text] of texts.entries()) {
        const facts = { sender: text as Sender, caller: text as CallerId, run: text };
        await write(`chain-${String(index).padStart(10, "0")}`, [
          index,
          mintEntry(`t${String(index)}`, facts),
        ]);
      }
      for (const [index, text] of texts.entries())
        for (const filter of [{ sender: text }, { caller: text }, { run: text }, { sender: text, run: text }])
          expect(jtis(await place.questions.entries(filter, ALL))).toEqual([`t${String(index)}`]);
    });

    test("what has no column is found by the record: the key and the reason, and only as whole values", async () => {
      const about = (kid: string): Entry => mintEntry(`of-${kid}`, { kid: kid as Kid });
      const run = '","kid":"k_1","';
      await write(
        "a".repeat(16),
        [4, about("k_1")],
        [3, about("kx1")],
        [2, about("k_11")],
        [1, mintEntry("liar", { kid: "other" as Kid, run })],
        [0, { kind: "rejection", facts: rejectionFacts("not_allowed") }],
      );
      const { questions } = place;
      expect(jtis(await questions.entries({ kid: "k_1" }, ALL))).toEqual(["of-k_1"]);
      expect((await questions.entries({ reason: "not_allowed" }, ALL)).items.map(({ kind }) => kind)).toEqual(
        ["rejection"],
      );
      expect((await questions.entries({ reason: "not_allow%" }, ALL)).items).toEqual([]);
    });

    test("the token with a digest is found over all weeks, and nothing else", async () => {
      await write(
        "a".repeat(16),
        [2_000, mintEntry("old", { digest: "d1" })],
        [0, mintEntry("new", { digest: "d2" })],
      );
      const { questions } = place;
      expect(jtis(await questions.entries({ digest: "d1" }, ALL))).toEqual(["old"]);
      expect(jtis(await questions.entries({ digest: "d3" }, ALL))).toEqual([]);
    });

    test("the unexpired tokens are those whose end is after now, whenever they were issued", async () => {
      const ends = (seconds: number): Partial<Parameters<typeof mintEntry>[1]> => ({
        exp: epochSeconds(NOW + seconds),
      });
      await write(
        "a".repeat(16),
        [3_000, mintEntry("very long", ends(1))],
        [2, mintEntry("ended", ends(0))],
        [1, mintEntry("other", { ...ends(100), sender: "agent://b" as Sender })],
        [1, { kind: "rejection", facts: { ...rejectionFacts("x"), sender: "agent://a" as Sender } }],
        [0, mintEntry("young", ends(300))],
      );
      const { questions } = place;
      const holder: Holder = { kind: "sender", sender: "agent://a" };
      expect(jtis(await questions.unexpired(holder, NOW, ALL))).toEqual(["young", "very long"]);
      expect(jtis(await questions.unexpired(holder, epochSeconds(NOW + 300), ALL))).toEqual([]);
    });

    test("a lineage goes up to the top and down to the last child", async () => {
      const under = (jti: string, parent: string): Entry =>
        mintEntry(jti, { parent: parent as Jti, root: "top" as Jti });
      await write(
        "a".repeat(16),
        [900, mintEntry("top")],
        [899, under("left", "top")],
        [898, under("right", "top")],
      );
      await write(
        "b".repeat(16),
        [500, under("left-1", "left")],
        [1, under("left-1-1", "left-1")],
        [0, mintEntry("alone")],
      );
      const { questions } = place;
      const lineage = await lineageOf(questions, "left");
      expect(lineage?.above.map(({ jti }) => jti)).toEqual(["top"]);
      expect(lineage?.tree).toMatchObject({
        jti: "left",
        children: [{ jti: "left-1", children: [{ jti: "left-1-1", children: [] }] }],
      });
      expect(lineage?.isCut).toBe(false);
      expect((await lineageOf(questions, "top"))?.tree.children.map(({ jti }) => jti)).toEqual([
        "left",
        "right",
      ]);
      expect((await lineageOf(questions, "alone"))?.tree.children).toEqual([]);
      expect(await lineageOf(questions, "nobody")).toBeUndefined();
    });

    test("a token is found with its revocations and their undoing, and a tree has only tokens", async () => {
      const { questions } = place;
      const about = { jti: "t1" };
      await write(
        "a".repeat(16),
        [9, mintEntry("t1")],
        [8, mintEntry("t2", { parent: "t1" as Jti, root: "t1" as Jti })],
        [7, { kind: "revocation", facts: about }],
        [6, { kind: "undo", facts: about }],
      );
      const { items } = await questions.entries(about, ALL);
      expect(items.map(({ kind }) => kind)).toEqual(["undo", "revocation", "mint"]);
      const undone = await questions.entries({ ...about, kind: "undo" }, ALL);
      expect(undone.items.map(({ kind }) => kind)).toEqual(["undo"]);
      expect((await lineageOf(questions, "t1"))?.tree).toMatchObject({
        entry: { kind: "mint" },
        children: [{ jti: "t2", entry: { kind: "mint" } }],
      });
    });

    test("the answers of a generated ledger are those of a look at every entry", async () => {
      const records = memoryRecords();
      const oracle = memoryLedger(records);
      const expected = memoryLedgerQuestions(records);
      const chains = generated(7, 600);
      for (const store of [place.store, oracle])
        for (const [chain, entries] of chains) await writeTo(store, chain, entries);
      await fc.assert(
        fc.asyncProperty(filters, fc.integer({ min: 1, max: 60 }), async (filter, limit) => {
          const found = await allPages((page) => place.questions.entries(filter, page), limit);
          const all = await allPages((page) => expected.entries(filter, page), 500);
          expect(placesOf(found)).toEqual(placesOf(all));
          expect(found.map(({ at }) => at)).toEqual(all.map(({ at }) => at));
        }),
        { numRuns: 60 },
      );
      for (const asked of countQuestions()) {
        expect(await allCounts(place.questions, asked)).toEqual(await allCounts(expected, asked));
      }
    });
  });
}

/** Every page of an answer. */
async function allPages(
  ask: (page: PageAsked) => Promise<Page<StoredEntry>>,
  limit: number,
  from?: Cursor,
): Promise<readonly StoredEntry[]> {
  const items: StoredEntry[] = [];
  for (let after = from, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const page = await ask({ limit, after });
    items.push(...page.items);
    after = page.next;
  }
  return items;
}

async function allCounts(questions: LedgerQuestions, asked: CountsAsked): Promise<readonly Count[]> {
  const first = await questions.counts(asked);
  const middle = first[Math.floor(first.length / 2)];
  // What comes after any count is the rest.
  if (middle !== undefined)
    expect(await questions.counts({ ...asked, after: middle })).toEqual(
      first.slice(Math.floor(first.length / 2) + 1),
    );
  return first;
}

function placesOf(entries: readonly StoredEntry[]): readonly string[] {
  return entries.map(({ chain, seq }) => `${chain} ${String(seq)}`).toSorted();
}

async function writeTo(
  store: LedgerStore,
  chain: string,
  entries: readonly (readonly [at: number, entry: Entry])[],
): Promise<void> {
  const groups = new Map<number, Entry[]>();
  for (const [hoursAgo, entry] of entries) groups.set(hoursAgo, [...(groups.get(hoursAgo) ?? []), entry]);
  let head = (await store.headOf(chain as ChainName)) ?? (chain as ChainName);
  for (const [hoursAgo, some] of groups) {
    const batch = batchAfter(head, some, epochMs(NOW_MS - hoursAgo * HOUR_MS));
    expect(await store.append(batch)).toMatchObject({ kind: "appended" });
    head = headAfter(batch) satisfies ChainHead;
  }
}

const SENDERS = ["agent://a", "agent://b", "agent://c"];
const CALLERS = ["ci", "cd"];
const RUNS = ["r1", "r2", undefined];
/** What revocations name. */
const NAMED = [{ jti: "t77" }, { jti: "t500" }, { sender: "agent://a" }, { run: "r1" }, { kid: "k1" }];

/** Chains of entries over some weeks, many of them in the same hour. */
function generated(seed: number, count: number): ReadonlyMap<string, readonly (readonly [number, Entry])[]> {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7f_ff_ff_ff;
    return (state >>> 8) % below;
  };
  const pick = <T>(from: readonly T[]): T => from[next(from.length)] as T;
  const chains = new Map<string, (readonly [number, Entry])[]>();
  for (let index = 0; index < count; index += 1) {
    const chain = pick(["one", "two", "three"]).padEnd(16, "-");
    const hoursAgo = Math.floor((700 * (count - index)) / count / 40) * 40 + next(2) / 2;
    const facts = { sender: pick(SENDERS) as Sender, caller: pick(CALLERS) as CallerId, run: pick(RUNS) };
    const kid = pick(["k1", "k2"]) as Kid;
    const entry: Entry =
      next(5) === 0
        ? { kind: "rejection", facts: { ...rejectionFacts(pick(["x", "y"])), ...facts } }
        : next(30) === 0
          ? { kind: "revocation", facts: { reason: pick(["x", "y"]), ...pick(NAMED) } }
          : mintEntry(`t${String(index)}`, { ...facts, kid });
    chains.set(chain, [...(chains.get(chain) ?? []), [hoursAgo, entry]]);
  }
  for (const entries of chains.values()) entries.sort(([one], [other]) => other - one);
  return chains;
}

const maybe = <T>(from: readonly T[]): fc.Arbitrary<T | undefined> =>
  fc.constantFrom(undefined, undefined, ...from);
const moment = maybe([0, 100, 300, 301, 500, 650]).map((hours) =>
  hours === undefined ? undefined : epochMs(NOW_MS - hours * HOUR_MS),
);
const filters: fc.Arbitrary<EntryFilter> = fc.record({
  kind: maybe(["mint", "rejection", "revocation", "end"] as const),
  sender: maybe([...SENDERS, "nobody"]),
  caller: maybe([...CALLERS, "nobody"]),
  run: maybe(["r1", "r2", "r3"]),
  jti: maybe(["t1", "t77", "t500"]),
  kid: maybe(["k1", "k2", "k"]),
  reason: maybe(["x", "y", "z"]),
  from: moment,
  to: moment,
});

function countQuestions(): readonly CountsAsked[] {
  const [from, to] = [epochMs(NOW_MS - 690 * HOUR_MS), epochMs(NOW_MS + 1)];
  return (["hour", "day"] as const).flatMap((by) =>
    [true, false].flatMap((byCaller) =>
      [{}, { kind: "mint" as const }, { caller: "ci" }].map((some) => ({
        by,
        byCaller,
        from,
        to,
        after: undefined,
        ...some,
      })),
    ),
  );
}
