import type { FilesFault, Suffix } from "./files.ts";
import type { PlaceFault, Surroundings } from "./surroundings.ts";

/** What can go wrong with a SQLite store, as plain data: the worker sends it. `path` is the database's. */
export type SqliteFault =
  | { readonly kind: "no_engine" }
  | { readonly kind: "worker_ended" }
  /** The files at the path are not those that are open. `during`: a commit had been made when this was seen. */
  | { readonly kind: "files"; readonly path: string; readonly files: FilesFault; readonly during?: "commit" }
  /** There is no database, but its companions are there. */
  | { readonly kind: "orphaned"; readonly path: string }
  /** Another process has the database open, and a companion that it should use is gone. */
  | { readonly kind: "split"; readonly path: string }
  /** One companion is there without the other: to read the database would make the missing one. */
  | { readonly kind: "unshared"; readonly path: string; readonly missing: Suffix }
  /** Another process began to use the database while it was read as one that does not change. */
  | { readonly kind: "moved_on"; readonly path: string }
  /** Other processes hold locks on the database for too long. */
  | { readonly kind: "locked"; readonly path: string }
  /** The database cannot be given a write-ahead log where it is. */
  | { readonly kind: "no_wal"; readonly path: string }
  | { readonly kind: "place"; readonly path: string; readonly folder: string; readonly place: PlaceFault }
  /** A row is there already; the names of its table and columns, where SQLite says them. */
  | { readonly kind: "unique"; readonly table: string | undefined; readonly columns: string }
  /** The engine failed. `code` is SQLite's extended result code (sqlite.org/rescode.html), where the driver gives it. */
  | {
      readonly kind: "engine";
      readonly code: number | undefined;
      readonly text: string;
      readonly around: Surroundings;
    };

/** A fault inside the worker. */
export class SqliteFailure extends Error {
  readonly fault: SqliteFault;

  constructor(fault: SqliteFault) {
    super(fault.kind);
    this.fault = fault;
  }
}
