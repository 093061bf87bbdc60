import { describe, expect, test } from "vitest";
import { ledgerOf, newNoteSigner, storeOf } from "../../testing/ledger-copy/copy.ts";
import { names, TAMPERINGS } from "../../testing/ledger-copy/tamperings.ts";
import { type OpenedNote, openNote } from "../notes/signed-note.ts";
import { type AuditDeps, auditLedger } from "./audit-ledger.ts";
import type { AuditStore } from "./audit-store.ts";
import { type AuditedEntry, type JudgedEntry, judgeEntry } from "./judge-entry.ts";

/** MACP_TAMPER_RUNS=10000 for the whole proof. */
const RUNS = Number(process.env["MACP_TAMPER_RUNS"] ?? 300);
const ROWS = [4_000, 3_500, 2_500];

const signer = newNoteSigner();
const ledger = ledgerOf(ROWS, 250, signer);
const judgements = new WeakMap<AuditedEntry, JudgedEntry>();
const judge = (entry: AuditedEntry): JudgedEntry => {
  const known = judgements.get(entry) ?? judgeEntry(entry);
  judgements.set(entry, known);
  return known;
};
const openings = new Map<string, OpenedNote>();
const open = (note: string): OpenedNote => {
  const known = openings.get(note) ?? openNote(note, [signer]);
  if (openings.size < 1_000) openings.set(note, known);
  return known;
};

/** Chance that can be repeated (mulberry32). */
function picker(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** An audit that leaves something out. */
type Weaker = (store: AuditStore) => Partial<AuditDeps>;

async function notFound(kind: string, seed: number, weaker: Weaker = () => ({})): Promise<string[]> {
  const { copy, places } = TAMPERINGS[kind]?.(ledger, picker(seed)) ?? { copy: ledger, places: [] };
  const store = storeOf(copy);
  const report = await auditLedger({ store, open, judge, ...weaker(store) });
  const found = report.findings.map(({ finding }) => finding);
  if (found[0] !== undefined && names(found[0], places)) return [];
  return [`${kind}, seed ${String(seed)}: ${JSON.stringify({ places, found: found.slice(0, 3) })}`];
}

describe("a ledger of 10,000 rows in three chains", () => {
  test("that nobody changed has no finding, and nearly all of it is covered by notes", async () => {
    const report = await auditLedger({ store: storeOf(ledger), open, judge });
    expect(report).toMatchObject({ chains: 3, entries: 10_000, notes: 40, findings: [], afterLastNote: 0 });
  });

  test.each(Object.keys(TAMPERINGS).map((kind, index) => [kind, index] as const))(
    "with %s is found to be changed, and the row is named first",
    async (kind, index) => {
      const each = Math.ceil(RUNS / Object.keys(TAMPERINGS).length);
      for (let run = 0; run < each; run += 1)
        expect(await notFound(kind, index * 1_000_003 + run)).toEqual([]);
    },
    300_000,
  );

  test.each<[string, string, Weaker]>([
    [
      "whether a hash is over its record",
      "a character of a record",
      () => ({ judge: (entry) => ({ ...judge(entry), isWhole: true }) }),
    ],
    [
      "what repeats the record",
      "an indexed column",
      () => ({ judge: (entry) => ({ ...judge(entry), differing: [] }) }),
    ],
    [
      "what notes name",
      "a chain rewritten from a row on",
      (store) => ({ store: { ...store, notesAfter: () => Promise.resolve([]) } }),
    ],
    [
      "the heads of chains",
      "the head of a chain",
      (store) => ({ store: { ...store, storedHeads: () => Promise.resolve([...ledger.heads.values()]) } }),
    ],
    [
      "who signed a note",
      "a note of another key",
      () => ({
        open: (note) => ({
          kind: "opened",
          text: note.slice(0, note.lastIndexOf("\n\n") + 1),
          key: signer.key,
        }),
      }),
    ],
  ])("an audit that does not look at %s misses some of it", async (_what, kind, weaker) => {
    const missed = await Promise.all(Array.from({ length: 20 }, (_, seed) => notFound(kind, seed, weaker)));
    expect(missed.flat()).not.toEqual([]);
  });
});
