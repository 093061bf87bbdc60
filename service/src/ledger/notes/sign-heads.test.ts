import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { requestIds } from "../../kernel/ids.ts";
import { systemRandom } from "../../kernel/random.ts";
import { sealingWith } from "../../keys/custody/sealing.ts";
import { notedLedger } from "../../stores/ledger-notes.ts";
import { openAdapter } from "../../stores/open.ts";
import type { Database } from "../../stores/sql/database.ts";
import { sqlLedger } from "../../stores/sql/ledger.ts";
import { migrate } from "../../stores/sql/migrate.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { TestClock } from "../../testing/moments.ts";
import { type StoredPlace, sqlitePlace, storeAt } from "../../testing/store-places.ts";
import { type ChainHead, type ChainName, linked, newChainName } from "../chain.ts";
import { parseNoteText } from "./heads-note.ts";
import { noteKeys } from "./note-keys.ts";
import { type SignHeadsDeps, signHeads } from "./sign-heads.ts";
import { openNote } from "./signed-note.ts";

describe("where the chains end", () => {
  const clock = new TestClock();
  let place: StoredPlace;
  let database: Database;
  let deps: SignHeadsDeps;
  let append: (chain: ChainName, entries: number) => Promise<ChainHead>;
  const newChain = (): ChainName => newChainName(systemRandom());

  beforeEach(async () => {
    place = await sqlitePlace();
    database = await openAdapter(storeAt(place.url));
    await migrate(database);
    const ledger = sqlLedger(database);
    const { notes, places } = notedLedger(database);
    const keys = noteKeys({
      store: notes,
      sealing: sealingWith(keksUnder(1)),
      name: "auth.example/ledger",
      nowMs: () => clock.nowMs(),
    });
    deps = { ledger, places, notes, keys, nowMs: () => clock.nowMs() };
    append = async (chain, entries) => {
      for (let left = entries; left > 0; left -= 250) {
        const before = await ledger.headOf(chain);
        let head: ChainHead | ChainName = before ?? chain;
        const rows = Array.from({ length: Math.min(left, 250) }, () => {
          const row = linked(head, clock.nowMs(), {
            kind: "rejection",
            facts: { reason: "x", status: 403, request_id: requestIds(systemRandom())() },
          });
          head = row;
          return row;
        });
        await ledger.append({ chain, before, entries: rows });
        await ledger.file();
      }
      const head = await ledger.headOf(chain);
      if (head === undefined) throw new Error("nothing was appended");
      return head;
    };
  });
  afterEach(async () => {
    await database.close();
    await place.remove();
  });
  const opened = async (note: string) => {
    const open = openNote(note, await deps.keys.verifiers());
    return open.kind === "opened" ? parseNoteText(open.text) : undefined;
  };

  test("is signed for all chains, each note with the hash of the one before", async () => {
    // A note names chains in the order of their names, which are random.
    const [one = newChain(), other = newChain()] = [newChain(), newChain()].toSorted();
    expect(await signHeads(deps)).toEqual({ kind: "not_due", since: undefined });
    const heads = [await append(one, 3), await append(other, 2)];
    const first = await signHeads(deps);
    if (first.kind !== "signed") throw new Error(first.kind);
    expect(await opened(first.note)).toMatchObject({
      origin: "auth.example/ledger",
      number: 1,
      before: undefined,
      heads: heads.map(({ chain, seq, hash }) => ({ chain, seq, hash })),
    });
    await append(one, 1);
    clock.move(10);
    const second = await signHeads(deps);
    if (second.kind !== "signed") throw new Error(second.kind);
    const note = await opened(second.note);
    expect(note?.before).toMatch(/^[\w-]{43}$/);
    expect(note?.heads.map(({ seq }) => seq)).toEqual([4, 2]);
  });

  test("is signed after 10 s when something is new, at once after 1,000 entries, and never for nothing", async () => {
    const chain = newChain();
    await append(chain, 1);
    expect((await signHeads(deps)).kind).toBe("signed");
    clock.move(60);
    expect((await signHeads(deps)).kind).toBe("not_due");
    await append(chain, 1);
    expect((await signHeads(deps)).kind).toBe("signed");
    await append(chain, 999);
    clock.move(9);
    expect((await signHeads(deps)).kind).toBe("not_due");
    await append(chain, 1);
    expect((await signHeads(deps)).kind).toBe("signed");
    expect((await signHeads(deps, "now")).kind).toBe("signed");
  });

  test("leaves out a chain without an entry for a day, and names it again in the hundredth note", async () => {
    const [old, busy] = [newChain(), newChain()];
    await append(old, 1);
    clock.move(86_401);
    for (let number = 1; number <= 100; number += 1) {
      await append(busy, 1);
      const signed = await signHeads(deps, "now");
      if (signed.kind !== "signed") throw new Error(signed.kind);
      expect([number, signed.heads]).toEqual([number, number === 1 || number === 100 ? 2 : 1]);
    }
  });

  test("is signed by one of replicas that do so at once", async () => {
    await append(newChain(), 1);
    const signed = await Promise.all(Array.from({ length: 5 }, () => signHeads(deps)));
    expect(signed.filter(({ kind }) => kind === "signed")).toHaveLength(1);
  });

  test.each([
    ["an entry that was named has another hash", "UPDATE ledger_entries SET hash = 'x' WHERE seq = 2"],
    ["an entry that was named is gone", "DELETE FROM ledger_entries WHERE seq = 2"],
    [
      "a chain that was named is gone",
      "DELETE FROM ledger_chains",
      "DELETE FROM ledger_entries WHERE seq < 3",
    ],
    ["the last note was changed", "UPDATE ledger_notes SET note = replace(note, 'time 2', 'time 3')"],
  ])("is not signed when %s, until an operator has looked into it", async (_when, ...statements) => {
    const chain = newChain();
    await append(chain, 2);
    expect((await signHeads(deps)).kind).toBe("signed");
    await append(chain, 1);
    for (const statement of statements) await place.sql(statement);
    clock.move(10);
    expect((await signHeads(deps, "now")).kind).toBe("inconsistent");
    expect((await signHeads(deps, "anew")).kind).toBe("signed");
    await append(newChain(), 1);
    expect((await signHeads(deps, "now")).kind).toBe("signed");
  });
});
