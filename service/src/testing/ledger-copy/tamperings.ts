import type { Finding } from "../../ledger/audit/finding.ts";
import type { AuditedEntry } from "../../ledger/audit/judge-entry.ts";
import { hashOf } from "../../ledger/chain.ts";
import type { StoredNote } from "../../ledger/notes/note-store.ts";
import { signedNote } from "../../ledger/notes/signed-note.ts";
import { type LedgerCopy, newNoteSigner } from "./copy.ts";

/** Chance that a test can repeat: a whole number from 0 up to and without `below`. */
export type Pick = (below: number) => number;

/** A changed ledger, and the places of which one must be named. */
export interface Tampered {
  readonly copy: LedgerCopy;
  readonly places: readonly Place[];
}

/** Rows from `from` to `to` of a chain, or a note. */
export type Place =
  | { readonly chain: string; readonly from: number; readonly to: number }
  | { readonly note: number };

type Tampering = (copy: LedgerCopy, pick: Pick) => Tampered;

/** Whether a finding names one of these places: its row, or a range that the place is in. */
export function names(finding: Finding, places: readonly Place[]): boolean {
  return places.some((place) => {
    if ("note" in place)
      return (
        "number" in finding &&
        finding.number <= place.note &&
        place.note <= ("to" in finding ? finding.to : finding.number)
      );
    if (!("chain" in finding) || finding.chain !== place.chain) return false;
    const [from, to] = rangeOf(finding);
    return from <= place.to && place.from <= to;
  });
}

function rangeOf(finding: Extract<Finding, { readonly chain: string }>): readonly [number, number] {
  if (finding.kind === "missing") return [finding.seq, finding.to];
  if (finding.kind === "replaced") return [finding.after + 1, finding.seq];
  if (finding.kind === "lost") return [1, finding.seq];
  return [finding.seq, finding.seq];
}

interface Chosen {
  readonly chain: string;
  readonly rows: readonly AuditedEntry[];
  /** Of a row that is neither the first nor one of the last two. */
  readonly index: number;
  readonly row: AuditedEntry;
}

function choose({ rows }: LedgerCopy, pick: Pick): Chosen {
  const chains = [...rows.keys()];
  const chain = chains[pick(chains.length)] ?? "";
  const of = rows.get(chain) ?? [];
  const index = 1 + pick(of.length - 3);
  const row = of[index];
  if (row === undefined) throw new Error("a ledger of chains that are too short");
  return { chain, rows: of, index, row };
}

function changed(copy: LedgerCopy, { chain }: Chosen, rows: readonly AuditedEntry[]): LedgerCopy {
  return { ...copy, rows: new Map([...copy.rows, [chain, rows]]) };
}

function replaced(copy: LedgerCopy, chosen: Chosen, row: AuditedEntry): LedgerCopy {
  return changed(copy, chosen, chosen.rows.with(chosen.index, row));
}

function here({ chain, row }: Chosen): readonly Place[] {
  return [{ chain, from: row.seq, to: row.seq }];
}

/** Another character at some place. */
function edited(text: string, pick: Pick): string {
  const at = pick(text.length);
  const other = String.fromCharCode(97 + pick(26));
  const wanted = other === text[at] ? "A" : other;
  return text.slice(0, at) + wanted + text.slice(at + 1);
}

const withHash = (row: AuditedEntry, body: string, prev = row.prev): AuditedEntry => ({
  ...row,
  body,
  prev,
  hash: hashOf(prev as never, body),
});

/** A member of the record that is another. */
function otherBody(row: AuditedEntry): string {
  return row.body.replace('"caller":"ci"', '"caller":"me"');
}

/** A whole row for another place. */
function moved(row: AuditedEntry, seq: number, prev: string): AuditedEntry {
  return withHash({ ...row, seq }, row.body.replace(/"seq":\d+/, `"seq":${String(seq)}`), prev);
}

function recomputed(rows: readonly AuditedEntry[], from: number): readonly AuditedEntry[] {
  let prev = rows[from - 1]?.hash ?? "";
  return rows.map((row, index) => {
    if (index < from) return row;
    const next = withHash(row, row.body, prev);
    prev = next.hash;
    return next;
  });
}

function withHead(copy: LedgerCopy, chain: string): LedgerCopy {
  const last = copy.rows.get(chain)?.at(-1);
  const head = copy.heads.get(chain);
  if (last === undefined || head === undefined) return copy;
  return { ...copy, heads: new Map([...copy.heads, [chain, { ...head, seq: last.seq, hash: last.hash }]]) };
}

/** The last row of a chain that a note names: only up to it can a rewriting be noticed. */
function notedTo({ notes }: LedgerCopy, chain: string): number {
  for (const { note } of notes.toReversed()) {
    const found = new RegExp(`^chain ${chain} (\\d+) `, "m").exec(note);
    if (found !== null) return Number(found[1]);
  }
  return 0;
}

const column =
  (name: "hash" | "prev" | "kind" | "body"): Tampering =>
  (copy, pick) => {
    const chosen = choose(copy, pick);
    const row = { ...chosen.row, [name]: edited(chosen.row[name], pick) };
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  };

const inNote =
  (change: (note: StoredNote, pick: Pick) => StoredNote): Tampering =>
  (copy, pick) => {
    const index = pick(copy.notes.length);
    const note = copy.notes[index];
    if (note === undefined) throw new Error("a ledger without notes");
    return {
      copy: { ...copy, notes: copy.notes.with(index, change(note, pick)) },
      places: [{ note: note.number }],
    };
  };

/** What someone who can write to the database can do, each with the row that must be named. */
export const TAMPERINGS: Readonly<Record<string, Tampering>> = {
  "a character of a record": column("body"),
  "a letter of a record for one whose code ends alike": (copy, pick) => {
    const chosen = choose(copy, pick);
    const { body } = chosen.row;
    // Within `request_id`, which no column repeats: only the hash says that it was another one.
    const at = body.indexOf('"request_id":"') + '"request_id":"'.length;
    const alike = String.fromCharCode(body.charCodeAt(at) + 0x100 * (1 + pick(200)));
    const row = { ...chosen.row, body: body.slice(0, at) + alike + body.slice(at + 1) };
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  },
  "a character of a hash": column("hash"),
  "a character of the hash before": column("prev"),
  "the kind of a row": column("kind"),
  "an indexed column": (copy, pick) => {
    const chosen = choose(copy, pick);
    const name = (["jti", "digest", "sender", "caller", "run"] as const)[pick(5)] ?? "jti";
    const value = pick(2) === 0 ? null : edited(chosen.row.index[name] ?? "none", pick);
    const row = { ...chosen.row, index: { ...chosen.row.index, [name]: value } };
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  },
  "the time of a row": (copy, pick) => {
    const chosen = choose(copy, pick);
    const [at, hour] = pick(2) === 0 ? [1, 0] : [0, 1];
    const row = { ...chosen.row, at: chosen.row.at + at, hour: chosen.row.hour + hour };
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  },
  "the expiry of a row": (copy, pick) => {
    const chosen = choose(copy, pick);
    const row = { ...chosen.row, index: { ...chosen.row.index, exp: pick(1_000_000) } };
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  },
  "a record with its hash": (copy, pick) => {
    const chosen = choose(copy, pick);
    const row = withHash(
      { ...chosen.row, index: { ...chosen.row.index, caller: "me" } },
      otherBody(chosen.row),
    );
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  },
  "a row with another row before": (copy, pick) => {
    const chosen = choose(copy, pick);
    const other = chosen.rows[pick(chosen.rows.length)]?.hash ?? "";
    const row = withHash(chosen.row, chosen.row.body, edited(other, pick));
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  },
  "a removed row": (copy, pick) => {
    const chosen = choose(copy, pick);
    return {
      copy: changed(copy, chosen, chosen.rows.toSpliced(chosen.index, 1)),
      places: here(chosen),
    };
  },
  "removed rows": (copy, pick) => {
    const chosen = choose(copy, pick);
    const count = 1 + pick(20);
    const gone = chosen.rows.slice(chosen.index, chosen.index + count);
    const to = gone.at(-1)?.seq ?? chosen.row.seq;
    return {
      copy: changed(copy, chosen, chosen.rows.toSpliced(chosen.index, count)),
      places: [{ chain: chosen.chain, from: chosen.row.seq, to }],
    };
  },
  "a removed row, and the numbers closed up": (copy, pick) => {
    const chosen = choose(copy, pick);
    const rows = chosen.rows
      .toSpliced(chosen.index, 1)
      .map((row, index) => (index < chosen.index ? row : { ...row, seq: row.seq - 1 }));
    return { copy: changed(copy, chosen, rows), places: here(chosen) };
  },
  "an added row, and the numbers moved": (copy, pick) => {
    const chosen = choose(copy, pick);
    const prev = chosen.rows[chosen.index - 1]?.hash ?? "";
    const forged = moved(chosen.row, chosen.row.seq, prev);
    const row = withHash({ ...forged, index: { ...forged.index, caller: "me" } }, otherBody(forged), prev);
    const rows = [
      ...chosen.rows.slice(0, chosen.index),
      row,
      ...chosen.rows.slice(chosen.index).map((after) => ({ ...after, seq: after.seq + 1 })),
    ];
    return { copy: changed(copy, chosen, rows), places: here(chosen) };
  },
  "a second row with one number": (copy, pick) => {
    const chosen = choose(copy, pick);
    const forged = withHash(
      { ...chosen.row, index: { ...chosen.row.index, caller: "me" } },
      otherBody(chosen.row),
    );
    return {
      copy: changed(copy, chosen, chosen.rows.toSpliced(chosen.index + pick(2), 0, forged)),
      places: here(chosen),
    };
  },
  "two rows exchanged": (copy, pick) => {
    const chosen = choose(copy, pick);
    const second = 1 + pick(chosen.rows.length - 2);
    const other = chosen.rows[second === chosen.index ? second + 1 : second];
    if (other === undefined) throw new Error("no other row");
    const rows = chosen.rows.map((row) => {
      if (row === chosen.row) return { ...other, seq: row.seq };
      return row === other ? { ...chosen.row, seq: row.seq } : row;
    });
    return {
      copy: changed(copy, chosen, rows),
      places: [...here(chosen), ...here({ ...chosen, row: other })],
    };
  },
  "a row of another chain": (copy, pick) => {
    const chosen = choose(copy, pick);
    const other = choose(copy, pick);
    const from = other.chain === chosen.chain ? (other.rows[other.index + 1] ?? other.row) : other.row;
    if (from === chosen.row) return TAMPERINGS["a removed row"]?.(copy, pick) ?? { copy, places: [] };
    const row = { ...from, chain: chosen.chain, seq: chosen.row.seq };
    return { copy: replaced(copy, chosen, row), places: here(chosen) };
  },
  "a chain rewritten from a row on": (copy, pick) => {
    const first = choose(copy, pick);
    const noted = notedTo(copy, first.chain);
    const index = Math.max(1, Math.min(first.index, noted - 1));
    const row = first.rows[index] ?? first.row;
    const chosen = { ...first, index, row };
    const changedRow = { ...row, index: { ...row.index, caller: "me" }, body: otherBody(row) };
    const rows = recomputed(chosen.rows.with(index, changedRow), index);
    return { copy: withHead(changed(copy, chosen, rows), chosen.chain), places: here(chosen) };
  },
  "the end of a chain": (copy, pick) => {
    const chosen = choose(copy, pick);
    const to = chosen.rows.at(-1)?.seq ?? 0;
    return {
      copy: changed(copy, chosen, chosen.rows.slice(0, chosen.index)),
      places: [{ chain: chosen.chain, from: chosen.row.seq, to }],
    };
  },
  "the end of a chain, and its head put back": (copy, pick) => {
    const first = choose(copy, pick);
    const noted = notedTo(copy, first.chain);
    const index = Math.max(1, Math.min(first.index, noted - 1));
    const chosen = { ...first, index };
    return {
      copy: withHead(changed(copy, chosen, chosen.rows.slice(0, index)), chosen.chain),
      places: [{ chain: chosen.chain, from: index + 1, to: chosen.rows.length }],
    };
  },
  "the beginning of a chain": (copy, pick) => {
    const chosen = choose(copy, pick);
    return {
      copy: changed(copy, chosen, chosen.rows.slice(chosen.index)),
      places: [{ chain: chosen.chain, from: 1, to: chosen.row.seq - 1 }],
    };
  },
  "a whole chain": (copy, pick) => {
    const chosen = choose(copy, pick);
    const { chain } = chosen;
    return {
      copy: {
        ...copy,
        rows: new Map([...copy.rows].filter(([name]) => name !== chain)),
        heads: new Map([...copy.heads].filter(([name]) => name !== chain)),
      },
      places: [{ chain, from: 1, to: chosen.rows.length }],
    };
  },
  "the rows of a chain": (copy, pick) => {
    const chosen = choose(copy, pick);
    return {
      copy: changed(copy, chosen, []),
      places: [{ chain: chosen.chain, from: 1, to: chosen.rows.length }],
    };
  },
  "the head of a chain": (copy, pick) => {
    const { chain, rows, row } = choose(copy, pick);
    const head = copy.heads.get(chain);
    if (head === undefined) throw new Error("a chain without a head");
    const change = [
      { seq: row.seq },
      { hash: row.hash },
      { seq: head.seq + 1 },
      { seq: row.seq, hash: row.hash },
    ][pick(4)];
    return {
      copy: { ...copy, heads: new Map([...copy.heads, [chain, { ...head, ...change }]]) },
      places: [{ chain, from: Math.min(row.seq, rows.length), to: head.seq + 1 }],
    };
  },
  "a missing head": (copy, pick) => {
    const { chain, rows } = choose(copy, pick);
    return {
      copy: { ...copy, heads: new Map([...copy.heads].filter(([name]) => name !== chain)) },
      places: [{ chain, from: rows.length, to: rows.length }],
    };
  },
  "a row after the end": (copy, pick) => {
    const chosen = choose(copy, pick);
    const last = chosen.rows.at(-1) ?? chosen.row;
    const row = moved(chosen.row, last.seq + 1, last.hash);
    return {
      copy: changed(copy, chosen, [...chosen.rows, row]),
      places: [{ chain: chosen.chain, from: row.seq, to: row.seq }],
    };
  },
  "a character of a note": inNote((note, pick) => ({ ...note, note: edited(note.note, pick) })),
  "the time of a note": inNote((note) => ({ ...note, at: note.at + 1 })),
  "a note of another key": inNote((note) => ({
    ...note,
    note: signedNote(note.note.slice(0, note.note.lastIndexOf("\n\n") + 1), newNoteSigner()),
  })),
  "two notes exchanged": (copy, pick) => {
    const index = pick(copy.notes.length - 1);
    const [one, other] = [copy.notes[index], copy.notes[index + 1]];
    if (one === undefined || other === undefined) throw new Error("too few notes");
    const notes = copy.notes
      .with(index, { ...one, note: other.note, at: other.at })
      .with(index + 1, { ...other, note: one.note, at: one.at });
    return { copy: { ...copy, notes }, places: [{ note: one.number }, { note: other.number }] };
  },
  "a removed note": (copy, pick) => {
    const index = pick(copy.notes.length - 1);
    return {
      copy: { ...copy, notes: copy.notes.toSpliced(index, 1) },
      places: [{ note: index + 1 }],
    };
  },
};
