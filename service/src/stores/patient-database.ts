import { StoreUnavailable } from "../kernel/store-faults.ts";
import type { Database, Dialect } from "./sql/database.ts";

/**
 * A database that may be down when the process starts: it is opened now, and, when it cannot be reached, again at each use until it
 * can. Rejects with what `open` rejects with, except `StoreUnavailable`, with which each use rejects then.
 */
export async function patientDatabase(dialect: Dialect, open: () => Promise<Database>): Promise<Database> {
  let opened: Promise<Database> | undefined;
  const database = (): Promise<Database> => {
    opened ??= open().catch((thrown: unknown) => {
      opened = undefined;
      throw thrown;
    });
    return opened;
  };
  await database().catch((thrown: unknown) => {
    if (!(thrown instanceof StoreUnavailable)) throw thrown;
  });
  return {
    dialect,
    read: async (work, how) => (await database()).read(work, how),
    write: async (work, how) => (await database()).write(work, how),
    writeKnown: async (statements, how) => (await database()).writeKnown(statements, how),
    close: async () => {
      await (await opened)?.close();
    },
  };
}
