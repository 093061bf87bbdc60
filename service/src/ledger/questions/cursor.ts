import { z } from "zod";
import type { Branded } from "../../kernel/branded.ts";

/** Where a page ends: opaque to whom it is given. */
export type Cursor = Branded<string, "Cursor">;

/** An entry's place among all, the newest first. `chain` is empty where everything of this millisecond was passed. */
export interface Position {
  readonly at: number;
  readonly chain: string;
  readonly seq: number;
}

const CURSOR_CHARACTERS_MAX = 200;
const Whole = z.int().min(0);
const Parts = z.tuple([Whole, z.string().regex(/^[\w-]{0,64}$/), Whole]);

/** The cursor of a position. */
export function cursorAt({ at, chain, seq }: Position): Cursor {
  return Buffer.from(JSON.stringify([at, chain, seq])).toString("base64url") as Cursor;
}

/** Reads a cursor from untrusted text; `undefined` when it is none. */
export function parseCursor(text: string): Cursor | undefined {
  return partsOf(text) && (text as Cursor);
}

/** The position of a cursor. */
export function positionOf(cursor: Cursor): Position {
  const [at = 0, chain = "", seq = 0] = partsOf(cursor) ?? [];
  return { at, chain, seq };
}

function partsOf(text: string): z.infer<typeof Parts> | undefined {
  if (text.length > CURSOR_CHARACTERS_MAX || !/^[\w-]+$/.test(text)) return undefined;
  try {
    return Parts.safeParse(JSON.parse(Buffer.from(text, "base64url").toString())).data;
  } catch {
    return undefined;
  }
}
