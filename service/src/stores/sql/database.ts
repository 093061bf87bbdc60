import { z } from "zod";
import { StoreCorrupt } from "../../kernel/store-faults.ts";

/**
 * Runs one statement in a transaction. Its parameters `$1`, `$2`, … each stand once and in order. Statements that are asked for without
 * a wait in between (`Promise.all`) are carried out in that order, and SQLite gets them in one message. After one that fails no other
 * is carried out, and the transaction is rolled back, even when its fault is caught.
 */
export type Query = (sql: string, parameters?: readonly Parameter[]) => Promise<Rows>;
export type Parameter = string | number | null;
export type Rows = readonly unknown[];

/** A statement that does not depend on what the one before it gave, but by its SQL. Parameters as in `Query`; no other `$` is followed by a digit. */
export interface KnownStatement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

/**
 * Port. The database of a process, for every family of tables; an adapter for each engine. Both methods reject with
 * `StoreUnavailable` when the engine fails or is too slow, with `UniqueViolation` when a row is there already (see `tryWrite`), and
 * with `StatementRejected` for a bug. They undo all that `work` did when it rejects.
 */
export interface Database {
  readonly dialect: Dialect;
  /** One consistent read of the whole database. */
  read<T>(work: (query: Query) => Promise<T>, how?: ReadHow): Promise<T>;
  /** One transaction. `work` may be run again from its beginning after a conflict with others. */
  write<T>(work: (query: Query) => Promise<T>, how?: WriteHow): Promise<T>;
  /** The same with statements that are known beforehand: one trip to the engine and back. Resolves to the rows of each. */
  writeKnown(statements: readonly KnownStatement[], how?: WriteHow): Promise<readonly Rows[]>;
  close(): Promise<void>;
}

/** What is special about a transaction that only reads. */
export interface ReadHow {
  /** A statement may take half a minute, where the engine has a limit: it is about very many rows, and an operator waits for it. */
  readonly isLong?: boolean;
}

/** What is special about a transaction that writes. */
export interface WriteHow extends ReadHow {
  /** A statement without parameters that is carried out first; it costs no trip of its own. Its rows are not given. */
  readonly first?: string | undefined;
  /** What is committed need not be in SQLite's own file yet: its log, which is on the disk, is enough for a while. */
  readonly mayStayInLog?: boolean;
}

/** Where the engines' SQL differs. */
export interface Dialect {
  readonly name: "sqlite" | "postgres";
  /** A SELECT of the engine's clock as `now`, whole seconds since the epoch. */
  readonly now: string;
  /** A SELECT of the names of our tables as `name`. */
  readonly tables: string;
  /**
   * Statements at the start of a transaction: any number may hold the ledger together, one that revokes holds it alone. `undefined`
   * where only one transaction writes at a time.
   */
  readonly ledgerLocks: { readonly shared: string; readonly alone: string } | undefined;
}

/**
 * A whole number by its value: engines and drivers give one as a number, a bigint or decimal text, whatever the column was declared
 * as (INTEGER is INT8 on some). Above 2^53 it is rejected, because JavaScript would change it.
 */
export const Whole = z.union([z.number(), z.bigint(), z.string()]).transform((given, context) => {
  const isWhole = typeof given !== "string" || /^-?\d{1,16}(?:\.0+)?$/.test(given);
  const value = isWhole ? Number(given) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  context.addIssue("not_whole");
  return z.NEVER;
});

/** Reads rows of a table and checks them. Throws `StoreCorrupt` when a row is not as we write them. */
export function parseRows<Row>(
  schema: z.ZodType<Row>,
  table: string,
  rows: readonly unknown[],
): readonly Row[] {
  const parsed = schema.array().safeParse(rows);
  if (!parsed.success) throw new StoreCorrupt({ what: "row_unreadable", table });
  return parsed.data;
}
