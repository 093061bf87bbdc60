import type { Secret } from "./secret.ts";

/** Where managed keys are stored, as plain data: the settings are parsed into it, and the stores open it. */
export type StoreLocation = { readonly kind: "memory" } | StoredLocation;

/** A place that outlives the process. */
export type StoredLocation = SqliteLocation | PostgresLocation;

/** A file; a relative path is looked up in the working directory of the process. */
export interface SqliteLocation {
  readonly kind: "sqlite";
  readonly path: string;
}

/** A PostgreSQL database, as a connection URI names it. */
export interface PostgresLocation {
  readonly kind: "postgres";
  /** At least one, in the order in which they are tried. */
  readonly hosts: readonly PostgresHost[];
  readonly user: string | undefined;
  readonly password: Secret | undefined;
  readonly database: string | undefined;
  /** The schema of the tables; `undefined`: the one that has them, else the first of the search path. */
  readonly schema: string | undefined;
  /** Whether a host that accepts no writes is passed over. */
  readonly target: "any" | "read-write";
  readonly tls: PostgresTls;
  /** Settings for the server at the start of a session, such as `-c search_path=x`. */
  readonly options: string | undefined;
  readonly applicationName: string | undefined;
}

export interface PostgresHost {
  /** A name, an address, or, from `/` on, the folder of a Unix socket. */
  readonly host: string;
  readonly port: number;
}

/** What `sslmode` and the parameters beside it say; each value means what it means to libpq. */
export interface PostgresTls {
  readonly mode: "disable" | "prefer" | "require" | "verify-ca" | "verify-full";
  readonly negotiation: "postgres" | "direct";
  /** Whom to trust: a file, or the certificates of the system; `undefined` is Node's own list. */
  readonly rootCert:
    | { readonly kind: "system" }
    | { readonly kind: "file"; readonly path: string }
    | undefined;
  readonly client: { readonly certPath: string; readonly keyPath: string } | undefined;
}
