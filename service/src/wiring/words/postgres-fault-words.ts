import { printablePath } from "../../files/printable-path.ts";
import { printable } from "../../kernel/printable.ts";
import {
  entryOf,
  own,
  type Phase,
  type PostgresFault,
  type SetupFault,
} from "../../stores/postgres/faults.ts";

/** What is wrong, and what the operator can do: clauses of one line. */
interface Words {
  /** What is wrong, with the code. */
  readonly message: string;
  /** A command or a setting. */
  readonly fix: string;
}

const STORE_URL = "the store URL";
const PEERS =
  "check that the host and port in the store URL are right, that PostgreSQL listens there, and that no firewall blocks the way";
const CERTIFICATE = "name the file of the authority that signed it: sslmode=verify-full&sslrootcert=FILE";
const GRANTS =
  "as its owner: GRANT USAGE, CREATE ON SCHEMA … and GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA … TO the user; after the first start CREATE may be revoked";
const POOLER_MODE = "set pool_mode to transaction or session in the pooler: this service needs transactions";
const WAIT = "nothing to do unless this lasts: the next round tries again";
const SPACE = "free space on the disk of the server";

const LOG = "look at the log of the server";
const LOGIN = [
  "the server rejects this user from this address",
  "check that the user exists and may log in, and that a line of pg_hba.conf is for it, its database, this address and the kind of connection: hostssl needs sslmode=require or more, clientcert a sslcert",
] as const;

/** What each code, or else its class of SQLSTATEs, means to an operator. */
const WORDS: Readonly<Record<string, readonly [message: string, fix: string]>> = {
  // The way to the server.
  ECONNREFUSED: ["nothing listens there", PEERS],
  ECONNRESET: ["the connection was cut", PEERS],
  EPIPE: ["the connection was cut", PEERS],
  ETIMEDOUT: ["no answer in time", PEERS],
  EHOSTUNREACH: ["the host cannot be reached", PEERS],
  ENETUNREACH: ["the network of the host cannot be reached", PEERS],
  EADDRNOTAVAIL: ["the address of the host cannot be used from here", PEERS],
  ENOTFOUND: ["the host has no address", `correct the host in ${STORE_URL}, or the name server`],
  EAI_AGAIN: ["the name server does not answer", "check the name server (/etc/resolv.conf) and the network"],
  ENOENT: [
    "there is no such Unix socket",
    "name the folder of the socket, such as host=/var/run/postgresql, and the port of its name",
  ],
  EACCES: [
    "this user may not use the Unix socket",
    "give the service's user access to the folder of the socket",
  ],
  NOT_CONFIRMED: [
    "no synchronous standby confirmed the commit",
    "bring a standby back, or change synchronous_standby_names at the server; if this server was replaced by another one, stop it",
  ],
  NOT_POSTGRES: ["the program that answers there is not PostgreSQL", PEERS],
  // TLS.
  TLS_NOT_OFFERED: [
    "the server does not offer TLS",
    `set ssl = on at the server, or, where the network is trusted, sslmode=disable in ${STORE_URL}`,
  ],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["the server's certificate is self-signed and not trusted", CERTIFICATE],
  SELF_SIGNED_CERT_IN_CHAIN: [
    "the server's certificate is signed by an authority that is not trusted",
    CERTIFICATE,
  ],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: [
    "the server's certificate is signed by an authority that is not trusted",
    CERTIFICATE,
  ],
  UNABLE_TO_GET_ISSUER_CERT: [
    "the server's certificate is signed by an authority that is not trusted",
    CERTIFICATE,
  ],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    "the server's certificate is signed by an authority that is not trusted",
    CERTIFICATE,
  ],
  CERT_SIGNATURE_FAILURE: [
    "the server's certificate is not signed by the authority of sslrootcert",
    CERTIFICATE,
  ],
  INVALID_CA: ["the authority of sslrootcert may not sign certificates", CERTIFICATE],
  CERT_HAS_EXPIRED: [
    "the server's certificate has expired",
    "renew the certificate at the server, or correct the clock of this machine",
  ],
  CERT_NOT_YET_VALID: [
    "the server's certificate is not valid yet",
    "correct the clock of this machine or of the one that made the certificate",
  ],
  CERT_REVOKED: ["the server's certificate was revoked", "renew the certificate at the server"],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    "the server's certificate is for another host",
    "write the host as the certificate names it, or give the server one with this name (subjectAltName); sslmode=verify-ca checks only who signed it",
  ],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: [
    "the server asks for a client certificate",
    "name one with sslcert=FILE&sslkey=FILE",
  ],
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: [
    "the server does not trust the client certificate",
    "name one with sslcert=FILE that an authority of the server signed",
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    "the program that answers there does not speak TLS",
    "remove sslnegotiation=direct, which needs PostgreSQL 17",
  ],
  EPROTO: ["the TLS handshake failed", "check the TLS versions and the certificate of the server"],
  // Logins.
  NO_PASSWORD: [
    "the server asks for a password, and none is set",
    `write it into ${STORE_URL}, or set PGPASSWORD in the environment of the process; a file for --settings does not set it`,
  ],
  "28P01": [
    "wrong password, or no such user",
    `correct user and password in ${STORE_URL}; in a password % is written %25, @ %40, / %2F, # %23`,
  ],
  "28000": LOGIN,
  "3D000": [
    "there is no such database",
    `create it (CREATE DATABASE …), or correct its name in ${STORE_URL}`,
  ],
  "3F000": [
    "there is no such schema, or no schema in which tables can be made",
    `create it (CREATE SCHEMA … AUTHORIZATION the user), or name another with schema= in ${STORE_URL}`,
  ],
  "42501": ["the user lacks a right on the schema or its tables", GRANTS],
  NO_RIGHT_ON_SCHEMA: [
    "the search path has a schema with keys, and the user has no right on that schema",
    GRANTS,
  ],
  "53300": [
    "the server has no free connection",
    "raise max_connections, put a pooler in transaction mode in front, or end what holds the connections; a replica needs 4 at most",
  ],
  // Writes.
  "25006": [
    "the server accepts no writes: it is a standby, or read-only",
    `name the primary in ${STORE_URL}, or all hosts with target_session_attrs=read-write; or end default_transaction_read_only`,
  ],
  READ_ONLY: [
    "the server accepts no writes: it is a standby, or read-only",
    `name the primary among the hosts of ${STORE_URL}`,
  ],
  "53100": ["the disk of the server is full", SPACE],
  "53200": ["the server has no memory left", "give the server more memory, or end what uses it"],
  "58030": ["the server cannot read or write its disk", "look at the disk and the log of the server"],
  "42P01": [
    "a table of this service is gone, or not where the search path leads",
    "restore the database, or name the schema that has all tables with schema=; for a new store name an empty schema",
  ],
  "42P07": [
    "a table with a name of this service is there already, without the others",
    "restore the database, or name an empty schema with schema=",
  ],
  "25P02": ["the transaction was rolled back at its end", WAIT],
  "42703": ["a table lacks columns of this service", "name a schema of this service's own with schema="],
  // Temporary.
  "57P01": ["the server ended the connection: it is shutting down, or an administrator did so", WAIT],
  "57P02": ["the server crashed and restarts", WAIT],
  "57P03": ["the server is starting or stopping, or is a standby that accepts no connections", WAIT],
  "57P05": ["the server ended a connection that was idle", WAIT],
  "57014": ["a statement took longer than 1.5 s", "look for load and locks at the server (pg_stat_activity)"],
  "55P03": ["a lock could not be obtained", "look for locks at the server (pg_locks)"],
  "25P03": [
    "the server ended a transaction that was idle for 3 s",
    "this machine was suspended or overloaded; the next round tries again",
  ],
  "23505": ["another transaction made the same tables at every try", WAIT],
  "40001": ["another transaction was in conflict at every try", WAIT],
  "40P01": ["another transaction was in conflict at every try", WAIT],
  "40003": ["it is not known whether the change was made", "look: macp-auth keys list"],
  // Classes.
  "08": ["the connection failed", PEERS],
  "28": LOGIN,
  "53": ["the server has run out of a resource", LOG],
  "54": ["a limit of the server was reached", LOG],
  "57": ["the server was asked to stop this", WAIT],
  "58": ["the server's operating system reported a fault", LOG],
  XX: ["the server has an internal fault", LOG],
};

/** The same code in one phase only. */
const IN_PHASE: Readonly<Record<Phase, Readonly<Record<string, readonly [message: string, fix: string]>>>> = {
  connect: {
    "08P01": [
      "a pooler rejected the connection",
      "check that the pooler knows the database and the user; options= does not pass most poolers: write schema= in its place",
    ],
  },
  begin: { "08P01": ["the pooler in front is in statement mode", POOLER_MODE] },
  query: {},
};

/** For the driver's own words, which have no code. */
const UNCODED: Readonly<Record<Phase, string>> = { connect: PEERS, begin: WAIT, query: WAIT };

/** What is wrong with PostgreSQL, and what to do. Names no host: only the operator may know them. */
export function postgresFaultWords({ code, phase, hosts }: PostgresFault): Words {
  const { message, fix } = wordsOf(code, phase);
  if (hosts.length === 0) return { message: `PostgreSQL: ${message}`, fix };
  const each = hosts.map(
    (one, index) => `host ${String(index + 1)}: ${wordsOf(one.code, one.phase).message}`,
  );
  return { message: `PostgreSQL: no host can be used; tried ${each.join(", ")}`, fix };
}

function wordsOf(code: string, phase: Phase): Words {
  const known = own(IN_PHASE[phase], code) ?? entryOf(WORDS, code);
  if (known !== undefined) return { message: `${known[0]} (${code})`, fix: known[1] };
  return { message: code, fix: UNCODED[phase] };
}

/** Why a location of PostgreSQL cannot be used, and the fix. */
export function setupFaultWords(fault: SetupFault): Words {
  switch (fault.kind) {
    case "file_unreadable":
      return {
        message: `${fault.parameter}: ${printablePath(fault.path)} cannot be read (${fault.code})`,
        fix: "correct the path or its permissions",
      };
    case "no_certificate":
      return {
        message: `sslrootcert: ${printable(fault.path)} holds no certificate in PEM form`,
        fix: "name the file of the authority that signed the server's certificate",
      };
    case "tls_files_unusable":
      return {
        message: `sslrootcert, sslcert and sslkey cannot be used (${fault.code})`,
        fix: "they must be PEM files, the key without a passphrase and of that certificate",
      };
    case "no_system_authorities":
      return {
        message: "sslrootcert=system: this system has no list of authorities in a usual place",
        fix: "install ca-certificates, or name a file",
      };
    case "several_schemas":
      return {
        message: `the schemas ${fault.schemas.map((name) => printable(name)).join(" and ")} of this database each hold a set of keys`,
        fix: "name the one to use with schema=NAME, and drop the other when nobody uses it",
      };
    case "tables_of_another":
      return wordsOfForeignTables(printable(fault.schema), fault.complete);
  }
}

function wordsOfForeignTables(schema: string, complete: boolean): Words {
  return complete
    ? {
        message: `the tables in the schema ${schema} belong to another owner`,
        fix: `if they are yours, name it with schema=${schema}, else name a schema of your own with schema=NAME`,
      }
    : {
        message: `the schema ${schema} has a table by the name of one of this service's that belongs to another owner`,
        fix: "name a schema of your own with schema=NAME",
      };
}
