import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { epochMs } from "../../kernel/clock.ts";
import { systemRandom } from "../../kernel/random.ts";
import { sealingWith } from "../../keys/custody/sealing.ts";
import { auditStore, notedLedger, pruneStore } from "../../stores/ledger-notes.ts";
import { openAdapter } from "../../stores/open.ts";
import type { Database } from "../../stores/sql/database.ts";
import { sqlLedger } from "../../stores/sql/ledger.ts";
import { migrate } from "../../stores/sql/migrate.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { onEachEngine } from "../../testing/each-engine.ts";
import { type StoredPlace, storeAt } from "../../testing/store-places.ts";
import { type ChainHead, type ChainName, hashOf, linked, newChainName, parseEntryHash } from "../chain.ts";
import type { Entry } from "../entry.ts";
import { noteKeys } from "../notes/note-keys.ts";
import { signHeads } from "../notes/sign-heads.ts";
import { pruneLedger } from "../prune/prune-ledger.ts";
import { auditLedger } from "./audit-ledger.ts";
import { opensWith } from "./audit-notes.ts";
import { reanchor } from "./re-anchor.ts";

const DAY_MS = 86_400_000;
const START_MS = 1_700_000_000_000;
const HOSTILE = [
  "agent://é😀",
  "%{41}",
  "a\u0000b",
  "'; DROP TABLE x; --",
  "x".repeat(5_000),
  "sha256:y",
  "\u2028",
];

onEachEngine((name, makePlace) => {
  describe(`a ledger in ${name}`, () => {
    let place: StoredPlace;
    let database: Database;
    let now = epochMs(START_MS);
    beforeEach(async () => {
      place = await makePlace();
      database = await openAdapter(storeAt(place.url));
      await migrate(database);
      now = epochMs(START_MS);
    });
    afterEach(async () => {
      await database.close();
      await place.remove();
    });

    const signing = () => {
      const { notes, places } = notedLedger(database);
      const sealing = sealingWith(keksUnder(1));
      const keys = noteKeys({ store: notes, sealing, name: "a/ledger", nowMs: () => now });
      return { ledger: sqlLedger(database), places, notes, keys, nowMs: () => now };
    };
    const append = async (chain: ChainName, ...entries: readonly Entry[]): Promise<void> => {
      await appendUnfiled(chain, ...entries);
      await sqlLedger(database).file();
    };
    const appendUnfiled = async (chain: ChainName, ...entries: readonly Entry[]): Promise<void> => {
      const ledger = sqlLedger(database);
      const before = await ledger.headOf(chain);
      let head: ChainHead | ChainName = before ?? chain;
      const rows = entries.map((entry) => {
        const row = linked(head, now, entry);
        head = row;
        return row;
      });
      expect((await ledger.append({ chain, before, entries: rows })).kind).toBe("appended");
    };
    /** A writer with a chain of its own. */
    const writer = () => {
      const chain = newChainName(systemRandom());
      return {
        async record(entry: Entry) {
          await append(chain, entry);
          return { kind: "recorded", epoch: 0 } as const;
        },
      };
    };
    const entry = (sender: string, exp = Math.floor(now / 1_000) + 300): Entry => ({
      kind: "lost",
      facts: { sender, caller: "ci", jti: "j", run: sender, exp },
    });
    const END: Entry = { kind: "end", facts: {} };
    const audit = async () =>
      auditLedger({ store: auditStore(database), open: opensWith(await signing().keys.verifiers()) });
    const found = async () => (await audit()).findings.map(({ finding }) => finding);
    const prune = (olderThanDays: number) => {
      const { ledger, keys } = signing();
      const deps = { ledger, keys, store: pruneStore(database), writer: writer() };
      return pruneLedger(deps, { now, olderThanDays, lifeSeconds: 3_720, by: "test" });
    };

    test("is given back byte for byte, whatever callers wrote: nothing was changed (N17)", async () => {
      const chain = newChainName(systemRandom());
      await append(chain, ...HOSTILE.map((sender) => entry(sender)), END);
      expect((await signHeads(signing())).kind).toBe("signed");
      expect(await audit()).toMatchObject({
        entries: HOSTILE.length + 1,
        notes: 1,
        findings: [],
        afterLastNote: 0,
      });
    });

    test.each([
      [
        "body",
        "UPDATE ledger_entries SET body = replace(body, 'agent-3', 'agent-9') WHERE seq = 3",
        "edited",
      ],
      ["column", "UPDATE ledger_entries SET run = NULL WHERE seq = 3", "edited"],
      ["hour", "UPDATE ledger_entries SET hour = hour + 1 WHERE seq = 3", "edited"],
      ["row", "DELETE FROM ledger_entries WHERE seq = 3", "missing"],
      ["end", "DELETE FROM ledger_entries WHERE seq >= 3", "missing"],
      ["head", "UPDATE ledger_chains SET seq = 3", "head_differs"],
      ["hash", "UPDATE ledger_entries SET hash = prev WHERE seq = 3", "edited"],
    ])("whose %s was changed by SQL is found to be, and row 3 is named", async (_what, statement, kind) => {
      await append(
        newChainName(systemRandom()),
        ...[1, 2, 3, 4, 5].map((id) => entry(`agent-${String(id)}`)),
      );
      await signHeads(signing());
      await place.sql(statement);
      expect((await found())[0]).toMatchObject({ kind, seq: 3 });
    });

    test.each([
      ["has another hash", "UPDATE ledger_chains SET hash = 'x'", "head_differs", 2],
      [
        "names no chain of ours",
        "INSERT INTO ledger_chains (chain, seq, hash, at_ms) VALUES ('x', 0, 'x', 0)",
        "missing",
        1,
      ],
    ])(
      "whose list of chains %s is found to be, and keeps nobody from writing",
      async (_what, statement, kind, seq) => {
        const chain = newChainName(systemRandom());
        await append(chain, entry("agent-1"), entry("agent-2"));
        await place.sql(statement);
        const unreadable: number[] = [];
        const ledger = sqlLedger(database, (rows) => unreadable.push(rows));
        const heads = await ledger.heads();
        expect(unreadable).toEqual([1]);
        expect(heads.map((head) => head.chain)).toEqual(kind === "missing" ? [chain] : []);
        await append(newChainName(systemRandom()), entry("agent-3"));
        expect(await found()).toMatchObject([{ kind, seq }]);
      },
    );

    test("whose end of a chain was made unreadable while it is written goes on in another chain", async () => {
      const chain = newChainName(systemRandom());
      await append(chain, entry("agent-1"));
      const before = await sqlLedger(database).headOf(chain);
      await place.sql("UPDATE ledger_chains SET hash = 'x'");
      const row = linked(before as ChainHead, now, entry("agent-2"));
      const ledger = sqlLedger(database);
      expect(await ledger.append({ chain, before, entries: [row] })).toEqual({ kind: "forked" });
    });

    test.each([
      ["record", "UPDATE ledger_tail SET entries = replace(entries, 'agent-3', 'agent-9')", "edited"],
      ["name", `UPDATE ledger_tail SET entries = replace(entries, '"run":"agent-3"', '"run":"x"')`, "edited"],
      ["batch", "DELETE FROM ledger_tail WHERE first_seq = 3", "missing"],
      [
        "number",
        `UPDATE ledger_tail SET entries = replace(entries, '"seq":3,"at', '"seq":9,"at')`,
        "missing",
      ],
    ])(
      "whose %s was changed by SQL before it was filed is found to be, then and afterwards",
      async (_what, statement, kind) => {
        const chain = newChainName(systemRandom());
        await append(chain, entry("agent-1"));
        for (const id of [2, 3, 4]) await appendUnfiled(chain, entry(`agent-${String(id)}`));
        expect(await found()).toEqual([]);
        await signHeads(signing());
        await place.sql(statement);
        expect((await found())[0]).toMatchObject({ kind, seq: 3 });
        await sqlLedger(database).file();
        expect((await found())[0]).toMatchObject({ kind, seq: 3 });
      },
    );

    test("with a second row of one number, in another hour, is found to be changed", async () => {
      const chain = newChainName(systemRandom());
      await append(chain, entry("a"), entry("b"), entry("c"));
      await place.sql(
        `INSERT INTO ledger_entries (chain, seq, at_ms, hour, kind, prev, hash, body)
         SELECT chain, seq, at_ms, hour + 1, kind, prev, 'x', body FROM ledger_entries WHERE seq = 2`,
      );
      expect(await found()).toContainEqual(expect.objectContaining({ chain, seq: 2 }));
    });

    test("keeps what is younger than its age, the end of a chain that may go on, and tokens that may be accepted (N22)", async () => {
      const [ended, running, longLived] = [0, 1, 2].map(() => newChainName(systemRandom()));
      if (ended === undefined || running === undefined || longLived === undefined) throw new Error("chains");
      await append(ended, entry("a"), entry("b"), END);
      await append(running, entry("c"), entry("d"));
      await append(longLived, entry("e"), entry("f", START_MS / 1_000 + 100 * 86_400), entry("g"));
      await signHeads(signing());
      now = epochMs(START_MS + 91 * DAY_MS);
      expect((await signHeads(signing(), "now")).kind).toBe("signed");
      expect(await prune(92)).toEqual({ kind: "nothing" });
      expect(await prune(90)).toEqual({ kind: "pruned", entries: 5, chains: 3, notes: 0 });
      const kept = await place.sql(
        "SELECT sender FROM ledger_entries WHERE sender IS NOT NULL ORDER BY sender",
      );
      expect(kept).toEqual([{ sender: "d" }, { sender: "f" }, { sender: "g" }]);
      expect(await found()).toEqual([]);
      await append(running, entry("h"));
      expect((await signHeads(signing(), "now")).kind).toBe("signed");
      // The chain went on, so its last entry may go now.
      expect(await prune(90)).toEqual({ kind: "pruned", entries: 1, chains: 1, notes: 0 });
      expect(await prune(90)).toEqual({ kind: "nothing" });
      expect(await found()).toEqual([]);
    });

    test("that was pruned in slices, and is pruned again, still verifies, with its old notes gone", async () => {
      const chain = newChainName(systemRandom());
      for (let batch = 0; batch < 5; batch += 1)
        await append(chain, ...Array.from({ length: 250 }, (_, id) => entry(`a-${String(id)}`)));
      for (let note = 0; note < 101; note += 1) await signHeads(signing(), "now");
      now = epochMs(START_MS + 10 * DAY_MS);
      await append(chain, entry("new"));
      expect(await prune(5)).toEqual({ kind: "pruned", entries: 1_250, chains: 1, notes: 99 });
      expect((await signHeads(signing(), "now")).kind).toBe("signed");
      expect(await audit()).toMatchObject({ findings: [], notes: 3 });
      await place.sql("DELETE FROM ledger_notes WHERE number = 101");
      expect(await found()).toEqual([{ kind: "note_missing", number: 101, to: 101 }]);
    });

    test("from which rows were removed as if for their age is found to be changed, also with an entry that says so", async () => {
      const chain = newChainName(systemRandom());
      await append(chain, entry("a"), entry("b"), entry("c"));
      const [row] = (await place.sql("SELECT hash FROM ledger_entries WHERE seq = 2")) as { hash: string }[];
      await signHeads(signing());
      await place.sql("DELETE FROM ledger_entries WHERE seq <= 2");
      await place.sql("INSERT INTO ledger_pruned (chain, seq, hash, at_ms) VALUES ($1, 2, $2, 0)", [
        chain,
        row?.hash ?? "",
      ]);
      const forged = { chains: [{ chain, seq: 2, hash: row?.hash }], notes: 0 };
      await writer().record({ kind: "pruned", facts: { ...forged, statement: JSON.stringify(forged) } });
      expect(await found()).toContainEqual({ kind: "prune_unrecorded", chain, seq: 2 });
    });

    test("with a break that an operator has recorded reports it as known, is signed again, and a new break is new (N19)", async () => {
      const chain = newChainName(systemRandom());
      await append(chain, entry("a"), entry("b"), entry("c"));
      await signHeads(signing());
      await place.sql("DELETE FROM ledger_entries WHERE seq = 3");
      expect((await signHeads(signing(), "now")).kind).toBe("signed");
      const outcome = await reanchor(
        { notes: signing(), writer: writer() },
        await audit(),
        "test",
        "a restored backup",
      );
      expect(outcome).toMatchObject({ kind: "anchored", findings: 1, note: { kind: "signed" } });
      const after = await audit();
      expect(after.findings).toMatchObject([
        { finding: { kind: "missing", chain, seq: 3, to: 3 }, known: { reason: "a restored backup" } },
      ]);
      await place.sql("UPDATE ledger_entries SET sender = 'z' WHERE seq = 2");
      const again = (await audit()).findings.filter(({ known }) => known === undefined);
      expect(again).toMatchObject([{ finding: { kind: "edited", chain, seq: 2 } }]);
    });

    test("rewritten from a row on is found to be by the notes alone", async () => {
      const chain = newChainName(systemRandom());
      await append(chain, entry("a"), entry("b"));
      await signHeads(signing());
      await append(chain, entry("c"), entry("d"));
      await signHeads(signing(), "now");
      const [second] = (await place.sql("SELECT hash FROM ledger_entries WHERE seq = 2")) as {
        hash: string;
      }[];
      let prev = second?.hash ?? "";
      for (const seq of [3, 4]) {
        const [row] = (await place.sql("SELECT body FROM ledger_entries WHERE seq = $1", [seq])) as {
          body: string;
        }[];
        const body = (row?.body ?? "").replace('"ci"', '"me"');
        const hash = hashOf(parseEntryHash(prev) ?? "", body);
        await place.sql(
          "UPDATE ledger_entries SET prev = $1, hash = $2, body = $3, caller = 'me' WHERE seq = $4",
          [prev, hash, body, seq],
        );
        await place.sql("UPDATE ledger_chains SET hash = $1", [hash]);
        prev = hash;
      }
      expect(await found()).toMatchObject([{ kind: "replaced", chain, after: 2, seq: 4, by: "note 2" }]);
    });
  });
});
