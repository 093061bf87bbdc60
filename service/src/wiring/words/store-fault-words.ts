import { messageOf } from "../../kernel/faults.ts";
import { StoreUnavailable, type StoreUnusable } from "../../kernel/store-faults.ts";
import { PostgresFault, PostgresUnusable } from "../../stores/postgres/faults.ts";
import { type SchemaFault, SchemaUnusable } from "../../stores/sql/migrate.ts";
import { SqliteUnavailable, SqliteUnusable } from "../../stores/sqlite/faults.ts";
import { postgresFaultWords, setupFaultWords } from "./postgres-fault-words.ts";
import { sqliteFaultWords } from "./sqlite-fault-words.ts";

/** What is wrong with a store, and the fix: clauses of one line. */
export interface StoreFaultWords {
  readonly message: string;
  /** A command or a setting; `undefined` when only the place of the store is known. */
  readonly fix: string | undefined;
}

/** What a fault of a store means to the operator. */
export function storeFaultWords(fault: StoreUnavailable | StoreUnusable): StoreFaultWords {
  if (fault instanceof PostgresFault) return postgresFaultWords(fault);
  if (fault instanceof PostgresUnusable) return setupFaultWords(fault.fault);
  if (fault instanceof SqliteUnavailable || fault instanceof SqliteUnusable)
    return sqliteFaultWords(fault.fault);
  if (fault instanceof SchemaUnusable) return schemaFaultWords(fault.fault);
  return { message: fault.message, fix: undefined };
}

/** The same as one line. */
export function storeFaultLine(fault: StoreUnavailable | StoreUnusable): string {
  const { message, fix } = storeFaultWords(fault);
  return fix === undefined ? message : `${message}; ${fix}`;
}

/** The line of anything that was thrown: of an outage with the words of its engine. */
export function outageLine(thrown: unknown): string {
  if (thrown instanceof StoreUnavailable) return storeFaultWords(thrown).message;
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The members of a log line about anything that was thrown: an outage of the store is said in words, with its fix where there is one. */
export function faultMembers(thrown: unknown): { readonly fault: string; readonly fix?: string } {
  if (!(thrown instanceof StoreUnavailable)) return { fault: messageOf(thrown) };
  const { message: fault, fix } = storeFaultWords(thrown);
  return { fault, ...(fix !== undefined && { fix }) };
}

function schemaFaultWords(fault: SchemaFault): StoreFaultWords {
  switch (fault.kind) {
    case "no_tables":
      return {
        message: "the store has no tables of this service",
        fix: "check that it is the right one; for a new store start the service, or: macp-auth migrate",
      };
    case "older":
      return {
        message: `the store has schema version ${String(fault.found)}, and this program needs version ${String(fault.needed)}`,
        fix: "start the service of this version, or: macp-auth migrate",
      };
    case "newer":
      return {
        message: `the store has schema version ${String(fault.found)}, and this program knows versions up to ${String(fault.known)}`,
        fix: "run the newer program (an older backup would bring back keys that were revoked since)",
      };
  }
}
