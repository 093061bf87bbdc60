import { generateKeyPairSync } from "node:crypto";
import { epochMs } from "../../kernel/clock.ts";
import { systemRandom } from "../../kernel/random.ts";
import type { AuditStore, StoredHead } from "../../ledger/audit/audit-store.ts";
import type { AuditedEntry } from "../../ledger/audit/judge-entry.ts";
import {
  type ChainHead,
  type ChainName,
  type LinkedEntry,
  linked,
  newChainName,
} from "../../ledger/chain.ts";
import type { Entry } from "../../ledger/entry.ts";
import { hashOfNote, headsToName, noteText } from "../../ledger/notes/heads-note.ts";
import type { StoredNote } from "../../ledger/notes/note-store.ts";
import { type NoteSigner, noteVerifier, signedNote } from "../../ledger/notes/signed-note.ts";

/** A ledger as tables, which a test changes as someone with the database could. */
export interface LedgerCopy {
  /** The rows of each chain, in the order of their numbers. */
  readonly rows: Map<string, readonly AuditedEntry[]>;
  readonly heads: Map<string, StoredHead>;
  readonly notes: readonly StoredNote[];
}

/** A new key for notes. */
export function newNoteSigner(name = "auth.example/ledger"): NoteSigner {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { ...noteVerifier(name, publicKey), privateKey };
}

const START_MS = 1_800_000_000_000;

/** A ledger of chains of these lengths, with a note after so many entries of all. */
export function ledgerOf(
  lengths: readonly number[],
  entriesEachNote: number,
  signer: NoteSigner,
): LedgerCopy {
  const chains = lengths.map(() => newChainName(systemRandom()));
  const rows = new Map<string, AuditedEntry[]>(chains.map((chain) => [chain, []]));
  const heads = new Map<ChainName, ChainHead>();
  const notes: StoredNote[] = [];
  const left = [...lengths];
  for (let written = 0; left.some((count) => count > 0); written += 1) {
    const turn = left.indexOf(Math.max(...left));
    const chain = chains[turn];
    if (chain === undefined) break;
    left[turn] = (left[turn] ?? 0) - 1;
    const now = epochMs(START_MS + written * 700);
    const entry = linked(heads.get(chain) ?? chain, now, entryOf(written, heads, chain));
    heads.set(chain, entry);
    rows.get(chain)?.push(rowOf(entry));
    if ((written + 1) % entriesEachNote === 0) notes.push(noteOf([...heads.values()], notes, now, signer));
  }
  return { rows, heads: new Map([...heads].map(([chain, head]) => [chain, headOf(head)])), notes };
}

/** The next note of a ledger with these ends. */
function noteOf(
  heads: readonly ChainHead[],
  notes: readonly StoredNote[],
  at: ReturnType<typeof epochMs>,
  signer: NoteSigner,
): StoredNote {
  const number = notes.length + 1;
  const last = notes.at(-1)?.note;
  const before = last === undefined ? undefined : hashOfNote(last.slice(0, last.lastIndexOf("\n\n") + 1));
  const text = noteText({ origin: signer.name, number, at, before, heads: headsToName(heads, number, at) });
  return { number, at, note: signedNote(text, signer) };
}

function entryOf(number: number, heads: ReadonlyMap<ChainName, ChainHead>, chain: ChainName): Entry {
  if (!heads.has(chain))
    return {
      kind: "start",
      facts: { heads: [...heads.values()].map(({ chain: name, seq, hash }) => ({ chain: name, seq, hash })) },
    };
  const facts = {
    jti: `jti-${String(number).padStart(18, "0")}`,
    sender: `agent://${String(number % 97)}`,
    caller: "ci",
    exp: 1_800_000_300 + number,
    digest: `d${String(number).padStart(42, "0")}`,
    run: `run-${String(number % 11)}`,
    request_id: `r${String(number)}`,
  };
  return { kind: "undo", facts };
}

/** A row as the store gives it back. */
function rowOf({ chain, seq, at, kind, prev, hash, body, index }: LinkedEntry): AuditedEntry {
  return { chain, seq, at, hour: Math.floor(at / 3_600_000), kind, prev, hash, body, index };
}

function headOf({ chain, seq, hash, at }: ChainHead): StoredHead {
  return { chain, seq, hash, at };
}

/** The copy as an audit reads it. */
export function storeOf({ rows, heads, notes }: LedgerCopy): AuditStore {
  const at = (chain: string, seq: number): string | undefined => {
    const of = rows.get(chain) ?? [];
    const guess = of[seq - 1];
    return (guess?.seq === seq ? guess : of.find((row) => row.seq === seq))?.hash;
  };
  return {
    storedHeads: () => Promise.resolve([...heads.values()]),
    storedHead: (chain) => Promise.resolve(heads.get(chain)),
    chainsWithRows: () =>
      Promise.resolve(
        [...rows]
          .filter(([, of]) => of.length > 0)
          .map(([chain]) => chain)
          .toSorted(),
      ),
    rowsOf: (chain, afterSeq) => Promise.resolve((rows.get(chain) ?? []).filter(({ seq }) => seq > afterSeq)),
    notesAfter: (number, limit) =>
      Promise.resolve(notes.filter((note) => note.number > number).slice(0, limit)),
    hashesAt: (places) => Promise.resolve(places.map(({ chain, seq }) => at(chain, seq))),
    pruned: () => Promise.resolve([]),
  };
}
