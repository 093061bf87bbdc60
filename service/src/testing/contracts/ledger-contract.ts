import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { epochMs } from "../../kernel/clock.ts";
import type { Sender } from "../../kernel/ids.ts";
import { type ChainName, hashOf, newChainName } from "../../ledger/chain.ts";
import type { Entry } from "../../ledger/entry.ts";
import { indexOf } from "../../ledger/entry-index.ts";
import type { LedgerStore, StoredEntry } from "../../ledger/ledger-store.ts";
import { batchAfter, headAfter, mintEntry } from "../ledger-entries.ts";
import { countingRandom } from "../mint-deps.ts";

/** A place for a ledger, empty: seen by two processes, which may be one object. */
export interface LedgerPlace {
  readonly processes: readonly [LedgerStore, LedgerStore];
  close(): Promise<void>;
}

/** Senders whose bytes an engine, an encoding or a driver may change. */
const SENDERS = [
  "agent://a",
  " agent://é😀 ",
  "智能体",
  "a\u0000b",
  "\u0000",
  "line\nline\r\ttab",
  "\u{10ffff}",
  "\ud800",
  "'; DROP TABLE ledger_entries; --",
  '{"a":"\\u0000"}',
  "%{41} %7b $1 ? \\ \\\\ \" ' `",
  "e\u0301 é ﬁ ſ İ",
  "__proto__",
  "sha256:x",
  "s".repeat(12_288),
  "😀".repeat(3_072),
];

/** What every adapter of `LedgerStore` promises. */
export function describeLedger(name: string, open: () => Promise<LedgerPlace>): void {
  describe(`a ledger in ${name}`, { timeout: 60_000 }, () => {
    const random = countingRandom();
    let place: LedgerPlace;
    let chain: ChainName;
    beforeEach(async () => {
      place = await open();
      chain = newChainName(random);
    });
    afterEach(() => place.close());

    test("gives every entry of a chain back in its order, and ends with the last one", async () => {
      const [one, other] = place.processes;
      const first = batchAfter(chain, [mintEntry("a"), mintEntry("b")]);
      const second = batchAfter(headAfter(first), [mintEntry("c")]);
      for (const batch of [first, second])
        expect(await one.append(batch)).toEqual({ kind: "appended", epoch: 0 });
      expect((await other.entriesOf(chain, 0, 10)).map(({ seq, index }) => [seq, index.jti])).toEqual([
        [1, "a"],
        [2, "b"],
        [3, "c"],
      ]);
      expect((await other.entriesOf(chain, 1, 1)).map(({ seq }) => seq)).toEqual([2]);
      expect(await other.headOf(chain)).toMatchObject({ chain, seq: 3, hash: headAfter(second).hash });
      expect(await other.headOf(newChainName(random))).toBeUndefined();
    });

    test("gives back what was written, of which the hash is that of the chain: senders of every alphabet, and numbers (N17)", async () => {
      const [one, other] = place.processes;
      const numbers = [0, -0, 1e-7, 59.5, 2 ** 53 - 1, 1e21, 5e-324].map(
        (value): Entry => ({ kind: "lost", facts: { value, exp: Math.trunc(value) + 0 } }),
      );
      const entries = [
        ...SENDERS.map((sender, n) => mintEntry(String(n), { sender: sender as Sender })),
        ...numbers,
      ];
      const batch = batchAfter(chain, entries, epochMs(1_800_000_000_999));
      await one.append(batch);
      const stored = await other.entriesOf(chain, 0, 100);
      expect(stored.map(({ body }) => body)).toEqual(batch.entries.map(({ body }) => body));
      expectLinked(stored);
    });

    test("gives back what was written, whatever texts strangers send (N17)", async () => {
      const [one, other] = place.processes;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.string({ unit: "binary", maxLength: 300 }), { minLength: 1, maxLength: 20 }),
          async (texts) => {
            const own = newChainName(random);
            const entries = texts.map((text, n) =>
              mintEntry(String(n), { sender: text as Sender, run: text, audience: text }),
            );
            await one.append(batchAfter(own, entries));
            expectLinked(await other.entriesOf(own, 0, 100));
          },
        ),
        { numRuns: 15 },
      );
    });

    test("rejects a batch that does not follow the end of its chain, and writes nothing of it (N18)", async () => {
      const [one, other] = place.processes;
      const first = batchAfter(chain, [mintEntry("a")]);
      const second = batchAfter(headAfter(first), [mintEntry("b")]);
      await one.append(first);
      await one.append(second);
      const forks = [
        batchAfter(headAfter(first), [mintEntry("fork")]),
        batchAfter(chain, [mintEntry("another beginning")]),
        {
          ...batchAfter(headAfter(second), [mintEntry("hash")]),
          before: { seq: 2, hash: headAfter(first).hash },
        },
        batchAfter({ ...headAfter(second), seq: 3 }, [mintEntry("gap")]),
        batchAfter({ ...headAfter(first), chain: newChainName(random) }, [
          mintEntry("a chain that is not begun"),
        ]),
      ];
      for (const fork of forks) expect(await other.append(fork)).toEqual({ kind: "forked" });
      expect((await one.entriesOf(chain, 0, 10)).map(({ index }) => index.jti)).toEqual(["a", "b"]);
    });

    test("lets one of many that write the next entry of a chain at once succeed, 10 times over (N18)", async () => {
      let head = headAfter(batchAfter(chain, [mintEntry("0")]));
      await place.processes[0].append(batchAfter(chain, [mintEntry("0")]));
      for (let round = 1; round <= 10; round += 1) {
        const batches = Array.from({ length: 8 }, (_, racer) =>
          batchAfter(head, [mintEntry(`${String(round)}.${String(racer)}`)]),
        );
        const outcomes = await Promise.all(
          batches.map((batch, racer) => place.processes[racer % 2 === 0 ? 0 : 1].append(batch)),
        );
        const won = batches.filter((_, racer) => outcomes[racer]?.kind === "appended");
        expect(won).toHaveLength(1);
        const [winner] = won;
        if (winner !== undefined) head = headAfter(winner);
      }
      const stored = await place.processes[1].entriesOf(chain, 0, 100);
      expect(stored).toHaveLength(11);
      expectLinked(stored);
    });

    test("answers a batch that comes once more, as after a lost answer, as written, and has it once", async () => {
      const [one, other] = place.processes;
      const batch = batchAfter(chain, [mintEntry("a"), mintEntry("b")]);
      const next = batchAfter(headAfter(batch), [mintEntry("c")]);
      for (const again of [batch, batch, next, next])
        expect((await other.append(again)).kind).toBe("appended");
      expect(await one.entriesOf(chain, 0, 10)).toHaveLength(3);
    });

    test("writes a batch of 256 entries, and names all heads, the newest first", async () => {
      const [one, other] = place.processes;
      const many = batchAfter(
        chain,
        Array.from({ length: 256 }, (_, n) => mintEntry(String(n))),
      );
      await one.append(many);
      const later = batchAfter(newChainName(random), [mintEntry("x")], epochMs(1_800_000_009_000));
      await one.append(later);
      expect((await other.heads()).map(({ chain: of, seq, hash }) => [of, seq, hash])).toEqual([
        [later.chain, 1, headAfter(later).hash],
        [chain, 256, headAfter(many).hash],
      ]);
      expectLinked(await other.entriesOf(chain, 0, 1_000));
    });
  });
}

/** Each entry hashes to what is stored, follows the one before, and its columns repeat its record. */
function expectLinked(entries: readonly StoredEntry[]): void {
  let prev = "";
  for (const [place, { seq, hash, prev: named, body, index, kind, at, chain }] of entries.entries()) {
    const facts = JSON.parse(body) as Record<string, unknown>;
    expect([seq, named]).toEqual([place + 1, prev]);
    expect(hashOf(named as Parameters<typeof hashOf>[0], body)).toBe(hash);
    expect(facts).toMatchObject({ seq, kind, at, chain });
    expect(indexOf({ kind: kind as Entry["kind"], facts })).toEqual(index);
    prev = hash;
  }
}
