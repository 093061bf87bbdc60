import { printable } from "../../kernel/printable.ts";
import {
  StatementRejected,
  StoreCorrupt,
  type StoreOutage,
  StoreUnavailable,
  StoreUnusable,
} from "../../kernel/store-faults.ts";
import { UniqueViolation } from "../sql/try-write.ts";
import type { FilesFault, Suffix } from "./files.ts";
import { faultOfPlace, type PlaceFault, type Surroundings } from "./surroundings.ts";

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
  /** A table of this service is not in the database. */
  | { readonly kind: "no_table"; readonly path: string; readonly table: string }
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

/** What stands between this program and its store: every fault but a row that is there already. */
export type SqliteOutage = Exclude<SqliteFault, { kind: "unique" }>;
export type EngineFault = Extract<SqliteFault, { kind: "engine" }>;

/** A store that cannot be used now. The message has no path. */
export class SqliteUnavailable extends StoreUnavailable {
  readonly fault: SqliteOutage;

  constructor(fault: SqliteOutage) {
    super(outageOf(fault), codesOf(fault));
    this.fault = fault;
  }
}

/** A store that cannot be opened until an operator acts. The message has no path. */
export class SqliteUnusable extends StoreUnusable {
  readonly fault: SqliteOutage;

  constructor(fault: SqliteOutage) {
    super(codesOf(fault));
    this.fault = fault;
  }
}

/** The error for a fault of a store that is in use. A unique violation is an answer: see `tryWrite`. */
export function errorOf(fault: SqliteFault): Error {
  if (fault.kind === "unique") return new UniqueViolation(fault.table, printable(fault.columns));
  if (fault.kind === "engine" && MISTAKES.has(primary(fault.code)))
    return new StatementRejected(
      `SQLite rejects a statement of this service: ${printable(fault.text)} (${String(fault.code)})`,
    );
  if (isCorruption(fault))
    return new StoreCorrupt({ what: "file_damaged", path: fault.around.path, detail: fault.text });
  return new SqliteUnavailable(fault);
}

/** The error for a fault at the start: a fault that needs a repair ends it. */
export function errorAtOpening(fault: SqliteFault): Error {
  if (isCorruption(fault) || fault.kind === "unique" || !isLasting(fault)) return errorOf(fault);
  return new SqliteUnusable(fault);
}

// Primary result codes of SQLite.
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;
/** Failures that the file system explains better: read-only, I/O, cannot open, no permission. */
const OF_THE_PLACE = new Set([3, 8, 10, 14]);
/** A read returned too few bytes: the file was cut short. */
const SHORT_READ = 522;

/** A statement of ours is wrong, or a row breaks a rule of its table: error, too big, constraint, mismatch, misuse, range. */
const MISTAKES = new Set([1, 18, 19, 20, 21, 25]);

function primary(code: number | undefined): number {
  return (code ?? 0) & 0xff;
}

function isCorruption(fault: SqliteFault): fault is EngineFault {
  return fault.kind === "engine" && [CORRUPT, NOT_A_DATABASE].includes(primary(fault.code));
}

const OUTAGES: Readonly<Record<Exclude<SqliteOutage["kind"], "files" | "place" | "engine">, StoreOutage>> = {
  no_engine: "unsuitable",
  no_table: "unsuitable",
  no_wal: "unsuitable",
  orphaned: "moved",
  split: "moved",
  unshared: "unsuitable",
  moved_on: "busy",
  locked: "busy",
  worker_ended: "failed",
};

function outageOf(fault: SqliteOutage): StoreOutage {
  switch (fault.kind) {
    case "files":
      return fault.during === undefined ? "moved" : "unconfirmed";
    case "place":
      return outageOfPlace(fault.place);
    case "engine":
      return outageOfEngine(fault);
    default:
      return OUTAGES[fault.kind];
  }
}

function outageOfPlace({ kind }: PlaceFault): StoreOutage {
  if (kind === "read_only" || kind === "full") return kind;
  return kind.endsWith("_denied") || kind === "unseen" ? "rejected" : "unsuitable";
}

function outageOfEngine(fault: EngineFault): StoreOutage {
  const cause = causeOf(fault);
  switch (cause.kind) {
    case "locked":
      return "busy";
    case "cut_short":
      return "moved";
    case "place":
      return outageOfPlace(cause.place);
    case "unknown":
      return "failed";
  }
}

const LASTING: ReadonlySet<SqliteFault["kind"]> = new Set(["no_engine", "no_wal", "orphaned"]);

function isLasting(fault: SqliteOutage): boolean {
  if (fault.kind === "files") return fault.files.kind === "emptied";
  const cause = fault.kind === "engine" ? causeOf(fault) : fault;
  return LASTING.has(fault.kind) || (cause.kind === "place" && cause.place.kind !== "full");
}

/** What a failure of the engine comes from, as its code and the file system show. */
export type EngineCause =
  | { readonly kind: "locked" | "cut_short" | "unknown" }
  | { readonly kind: "place"; readonly place: PlaceFault };

export function causeOf({ code, around }: EngineFault): EngineCause {
  if (primary(code) === BUSY) return { kind: "locked" };
  if (primary(code) === FULL) return { kind: "place", place: { kind: "full" } };
  if (code === SHORT_READ) return { kind: "cut_short" };
  const place = OF_THE_PLACE.has(primary(code)) ? faultOfPlace(around) : undefined;
  return place === undefined ? { kind: "unknown" } : { kind: "place", place };
}

function codesOf(fault: SqliteOutage): string {
  switch (fault.kind) {
    case "files":
      return `SQLite: ${fault.files.kind}`;
    case "place":
      return `SQLite: ${fault.place.kind}`;
    case "engine":
      return `SQLite: ${String(fault.code ?? fault.kind)}`;
    default:
      return `SQLite: ${fault.kind}`;
  }
}
