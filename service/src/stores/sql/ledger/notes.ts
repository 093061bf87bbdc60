import { z } from "zod";
import { fromAscii, toAscii } from "../../../kernel/ascii.ts";
import type { NoteStore, StoredNote } from "../../../ledger/notes/note-store.ts";
import { type Database, parseRows, type Query, Whole } from "../database.ts";
import { CONFLICT, tryWrite } from "../try-write.ts";

const KEYS = "ledger_note_keys";
const NOTES = "ledger_notes";

const KeyRow = z.object({ key: z.string(), signing: Whole, sealed: z.string(), madeAt: Whole });
const NoteRow = z.object({ number: Whole, at: Whole, note: z.string().transform(fromAscii) });
const NOTE_COLUMNS = 'number, at_ms AS "at", note';

/** The signed notes in a database. The number of a note is its key, and only one key signs: so each race is decided by an insert. */
export function sqlNotes(database: Database): NoteStore {
  return {
    keys: () =>
      database.read(async (query) => {
        const rows = await query(
          `SELECT note_key AS "key", signing, sealed, made_at_ms AS "madeAt" FROM ${KEYS} ORDER BY made_at_ms DESC, note_key`,
        );
        return parseRows(KeyRow, KEYS, rows).map(({ signing, ...key }) => ({
          ...key,
          isSigning: signing === 1,
        }));
      }),

    async replaceKey({ retired, made }) {
      const written = await tryWrite(database, KEYS, async (query) => {
        if (retired !== undefined) {
          const moved = await query(
            `UPDATE ${KEYS} SET signing = 0, sealed = $1 WHERE note_key = $2 AND signing = 1 RETURNING note_key`,
            [retired.sealed, retired.key],
          );
          if (moved.length === 0) return "taken";
        }
        await query(`INSERT INTO ${KEYS} (note_key, signing, sealed, made_at_ms) VALUES ($1, 1, $2, $3)`, [
          made.key,
          made.sealed,
          made.madeAt,
        ]);
        return "replaced";
      });
      return written === CONFLICT ? "taken" : written;
    },

    reseal: (key, before, sealed) =>
      database.write(async (query) => {
        await query(`UPDATE ${KEYS} SET sealed = $1 WHERE note_key = $2 AND sealed = $3`, [
          sealed,
          key,
          before,
        ]);
      }),

    last: () =>
      database.read(async (query) => {
        const [note] = notesIn(
          await query(`SELECT ${NOTE_COLUMNS} FROM ${NOTES} ORDER BY number DESC LIMIT 1`),
        );
        return note;
      }),

    notesAfter: (number, limit) => database.read((query) => notesAfter(query, number, limit)),

    async add({ number, at, note }) {
      const written = await tryWrite(database, NOTES, (query) =>
        query(`INSERT INTO ${NOTES} (number, at_ms, note) VALUES ($1, $2, $3)`, [number, at, toAscii(note)]),
      );
      return written === CONFLICT ? "taken" : "added";
    },
  };
}

/** The notes after a number, in their order. */
export async function notesAfter(
  query: Query,
  number: number,
  limit: number,
): Promise<readonly StoredNote[]> {
  return notesIn(
    await query(`SELECT ${NOTE_COLUMNS} FROM ${NOTES} WHERE number > $1 ORDER BY number LIMIT $2`, [
      number,
      limit,
    ]),
  );
}

function notesIn(rows: readonly unknown[]): readonly StoredNote[] {
  return parseRows(NoteRow, NOTES, rows);
}
