import type pg from "pg";
import { codeOf, messageOf } from "../../kernel/faults.ts";
import {
  StatementRejected,
  type StoreOutage,
  StoreUnavailable,
  StoreUnusable,
} from "../../kernel/store-faults.ts";
import { UniqueViolation } from "../sql/try-write.ts";

/** What was being done: the driver gives the same code, or none, for different faults. */
export type Phase = "connect" | "begin" | "query";

/** Codes of our own for what has none: the server offered no TLS, or its answer was not PostgreSQL's; a password was asked for. */
export const TLS_NOT_OFFERED = "TLS_NOT_OFFERED";
export const NOT_POSTGRES = "NOT_POSTGRES";
export const NO_PASSWORD = "NO_PASSWORD";
export const READ_ONLY = "READ_ONLY";
export const NO_RIGHT_ON_SCHEMA = "NO_RIGHT_ON_SCHEMA";
export const NOT_CONFIRMED = "NOT_CONFIRMED";

/**
 * What a code comes to, or else its class of SQLSTATEs (PostgreSQL, appendix A). `mistake`: a statement of ours is wrong, or a row
 * breaks a rule of its table, which no later try and no operator makes right. `again`: the transaction was in another one's way and
 * was rolled back, so it is tried again at once.
 */
const MEANINGS: Readonly<Record<string, readonly [comesTo: StoreOutage | "mistake", again?: "again"]>> = {
  NO_PASSWORD: ["rejected"],
  NO_RIGHT_ON_SCHEMA: ["rejected"],
  NOT_POSTGRES: ["unsuitable"],
  NOT_CONFIRMED: ["unconfirmed"],
  READ_ONLY: ["read_only"],
  EACCES: ["rejected"],
  // The connection failed.
  "08": ["unreachable"],
  // A value cannot be read or stored.
  "22": ["mistake"],
  // A row breaks a rule of its table. 23505: see `statementFaultOf`.
  "23": ["mistake"],
  "23505": ["busy", "again"],
  // The server accepts no writes; a transaction that was idle was ended.
  "25006": ["read_only"],
  "25P03": ["busy"],
  // The login is not accepted.
  "28": ["rejected"],
  // There is no such database, no such schema.
  "3D": ["unsuitable"],
  "3F": ["unsuitable"],
  // Other transactions were in the way. 40003: it is not known whether the change was made.
  "40": ["busy"],
  "40001": ["busy", "again"],
  "40P01": ["busy", "again"],
  "40003": ["unconfirmed"],
  // The statement is wrong, except for what an operator can change: rights, tables that are gone, or are another program's.
  "42": ["mistake"],
  "42501": ["rejected"],
  "42P01": ["unsuitable"],
  // Also when another transaction made the same table at the same moment.
  "42P07": ["unsuitable", "again"],
  "42703": ["unsuitable"],
  // Out of disk, memory or connections.
  "53": ["full"],
  // A lock could not be obtained.
  "55": ["busy"],
  // The server was asked to stop this, or is starting or stopping. 57014: a statement took too long.
  "57": ["unreachable"],
  "57014": ["busy"],
};

/** A fault of PostgreSQL, or of the connection to it, as codes: the driver's messages contain hosts, users and rows. */
export class PostgresFault extends StoreUnavailable {
  /** SQLSTATE, a system or TLS error code, or what the driver says where it has none. */
  readonly code: string;
  readonly phase: Phase;
  /** The fault of each host, in the order in which they were tried; empty when one host is at fault. */
  readonly hosts: readonly PostgresFault[];

  constructor(code: string, phase: Phase, hosts: readonly PostgresFault[] = []) {
    const codes = hosts.length === 0 ? [code] : hosts.map((one) => one.code);
    super(outageOf(code, phase), `PostgreSQL: ${codes.join(", ")}`);
    this.code = code;
    this.phase = phase;
    this.hosts = hosts;
  }

  /** Whether the same transaction may well succeed now. */
  get mayTryAgain(): boolean {
    return entryOf(MEANINGS, this.code)?.[1] === "again";
  }

  /** One fault for those of several hosts, in the order in which they were tried. */
  static ofHosts(faults: readonly PostgresFault[]): PostgresFault {
    const { code, phase } = faults.find((one) => one.code !== READ_ONLY) ?? faults[0] ?? NO_HOST;
    return new PostgresFault(code, phase, faults);
  }
}

const NO_HOST = { code: "ENOTFOUND", phase: "connect" } as const;

/** Why a location, or the schemas that are there, cannot be used as they are. `parameter`: of the store URL. */
export type SetupFault =
  | {
      readonly kind: "file_unreadable";
      readonly parameter: string;
      readonly path: string;
      readonly code: string;
    }
  | { readonly kind: "no_certificate"; readonly path: string }
  | { readonly kind: "tls_files_unusable"; readonly code: string }
  | { readonly kind: "no_system_authorities" }
  | { readonly kind: "several_schemas"; readonly schemas: readonly string[] }
  /** `complete`: it has all tables of a store, and not only one by the name of one of them. */
  | { readonly kind: "tables_of_another"; readonly schema: string; readonly complete: boolean };

export class PostgresUnusable extends StoreUnusable {
  readonly fault: SetupFault;

  constructor(fault: SetupFault) {
    super(`PostgreSQL: ${fault.kind}`);
    this.fault = fault;
  }
}

/** A fault of a connection that is made, or of the beginning of a transaction, as one of ours. None of them is about a row. */
export function connectionFaultOf(thrown: unknown, phase: Exclude<Phase, "query">): PostgresFault {
  return thrown instanceof PostgresFault ? thrown : outage(thrown, phase);
}

/**
 * A fault of a statement, or of the commit. A unique violation is an answer (see `tryWrite`), except in the server's own tables, where it
 * means that another transaction makes the same table at this moment.
 */
export function statementFaultOf(thrown: unknown): PostgresFault | UniqueViolation | StatementRejected {
  const fault = outage(thrown, "query");
  const { schema, table, constraint } = placeOf(thrown);
  if (fault.code === UNIQUE_VIOLATION && schema !== SERVERS_OWN)
    return new UniqueViolation(table, constraint);
  if (entryOf(MEANINGS, fault.code)?.[0] !== "mistake") return fault;
  const place = [table && `table ${table}`, constraint && `constraint ${constraint}`].filter(Boolean);
  return new StatementRejected(
    `PostgreSQL rejects a statement of this service (${[fault.code, ...place].join(", ")})`,
  );
}

/** Where a statement failed, as the server says. Not by the driver's class: only an open database loads the driver. */
function placeOf(thrown: unknown): Partial<Pick<pg.DatabaseError, "schema" | "table" | "constraint">> {
  return thrown instanceof Error ? (thrown as Partial<pg.DatabaseError>) : {};
}

const UNIQUE_VIOLATION = "23505";
const SERVERS_OWN = "pg_catalog";

/** What the driver itself finds has no code, and it says so in fixed words. */
function outage(thrown: unknown, phase: Phase): PostgresFault {
  return new PostgresFault(codeOf(thrown) ?? messageOf(thrown), phase);
}

function outageOf(code: string, phase: Phase): StoreOutage {
  const [comesTo] = entryOf(MEANINGS, code) ?? [];
  if (comesTo === undefined) return phase === "connect" ? "unreachable" : "failed";
  // Before the first statement nothing of ours can be wrong but the settings.
  return comesTo === "mistake" ? "unsuitable" : comesTo;
}

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** The entry of a code in a table, or else that of its class of SQLSTATEs (PostgreSQL, appendix A). */
export function entryOf<T>(table: Readonly<Record<string, T>>, code: string): T | undefined {
  return own(table, code) ?? (SQLSTATE.test(code) ? own(table, code.slice(0, 2)) : undefined);
}

/** The entry of exactly this name. */
export function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
