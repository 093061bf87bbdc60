import { describe, expect, test } from "vitest";
import { PostgresFault, PostgresUnusable, READ_ONLY, type SetupFault } from "../../stores/postgres/faults.ts";
import { postgresFaultWords } from "./postgres-fault-words.ts";
import { storeFaultLine } from "./store-fault-words.ts";

const CODES = [
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
  "EACCES",
  "TLS_NOT_OFFERED",
  "NOT_POSTGRES",
  "NO_PASSWORD",
  "READ_ONLY",
  "NO_RIGHT_ON_SCHEMA",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "EPROTO",
  "08000",
  "08001",
  "08003",
  "08004",
  "08006",
  "08P01",
  "25006",
  "25P02",
  "25P03",
  "28000",
  "28P01",
  "3D000",
  "3F000",
  "40001",
  "40003",
  "40P01",
  "42501",
  "42703",
  "42P01",
  "42P07",
  "53000",
  "53100",
  "53200",
  "53300",
  "54000",
  "55P03",
  "57014",
  "57P01",
  "57P02",
  "57P03",
  "57P05",
  "58000",
  "58030",
  "XX000",
  "XX001",
  "XX002",
] as const;

test.each(CODES)("%s is said in words, with the code and the fix", (code) => {
  const { message, fix } = postgresFaultWords(new PostgresFault(code, "query"));
  expect(message).toMatch(new RegExp(`^PostgreSQL: [a-z][^A-Z_]*.* \\(${code}\\)$`));
  expect(fix.length).toBeGreaterThan(20);
  // The line of a command is not longer.
  expect(message.length).toBeLessThan(200);
  expect(fix.length).toBeLessThan(400);
});

test("a fix for a missing table does not name the migration that may itself report it", () => {
  expect(postgresFaultWords(new PostgresFault("42P01", "query")).fix).not.toContain("migrate");
});

test.each([
  ["99999", "query"],
  ["timeout exceeded when trying to connect", "connect"],
  ["__proto__", "query"],
] as const)("%s, which has no text of its own, is shown unchanged, with what to check", (code, phase) => {
  const { message, fix } = postgresFaultWords(new PostgresFault(code, phase));
  expect(message).toBe(`PostgreSQL: ${code}`);
  expect(fix).toMatch(/.{20}/);
});

test("the fix names the setting that the operator has to change", () => {
  for (const [code, phase, fix] of [
    ["28P01", "connect", "% is written %25"],
    ["NO_PASSWORD", "connect", "PGPASSWORD"],
    ["28000", "connect", "hostssl needs sslmode=require or more"],
    ["3D000", "connect", "CREATE DATABASE"],
    ["53300", "connect", "raise max_connections"],
    ["25006", "query", "target_session_attrs=read-write"],
    [READ_ONLY, "connect", "name the primary among the hosts"],
    ["3F000", "query", "CREATE SCHEMA"],
    ["42501", "query", "GRANT USAGE, CREATE ON SCHEMA"],
    ["08P01", "begin", "set pool_mode to transaction or session in the pooler"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "connect", "write the host as the certificate names it"],
    ["SELF_SIGNED_CERT_IN_CHAIN", "connect", "sslmode=verify-full&sslrootcert=FILE"],
    ["40003", "query", "macp-auth keys list"],
  ] as const)
    expect(postgresFaultWords(new PostgresFault(code, phase)).fix).toContain(fix);
});

test("one code means another thing to a pooler that rejects a connection, a transaction or a statement", () => {
  const lines = (["connect", "begin", "query"] as const).map(
    (phase) => postgresFaultWords(new PostgresFault("08P01", phase)).message,
  );
  expect(lines).toEqual([
    "PostgreSQL: a pooler rejected the connection (08P01)",
    "PostgreSQL: the pooler in front is in statement mode (08P01)",
    "PostgreSQL: the connection failed (08P01)",
  ]);
});

test("of several hosts each is named by its position, with the fix of the first that is no standby", () => {
  const faults = [READ_ONLY, "ECONNREFUSED"].map((code) => new PostgresFault(code, "connect"));
  expect(postgresFaultWords(PostgresFault.ofHosts(faults))).toEqual({
    message:
      "PostgreSQL: no host can be used; tried host 1: the server accepts no writes: it is a standby, or read-only (READ_ONLY), host 2: nothing listens there (ECONNREFUSED)",
    fix: "check that the host and port in the store URL are right, that PostgreSQL listens there, and that no firewall blocks the way",
  });
});

describe("a location that cannot be used is reported in one line with the fix", () => {
  test.each<[SetupFault, string]>([
    [
      { kind: "file_unreadable", parameter: "sslrootcert", path: "/none/ca.pem", code: "ENOENT" },
      "sslrootcert: /none/ca.pem cannot be read (ENOENT); correct the path or its permissions",
    ],
    [
      { kind: "no_certificate", path: "/tls/ca.pem" },
      "sslrootcert: /tls/ca.pem holds no certificate in PEM form; name the file of the authority that signed the server's certificate",
    ],
    [
      { kind: "tls_files_unusable", code: "ERR_X" },
      "sslrootcert, sslcert and sslkey cannot be used (ERR_X); they must be PEM files, the key without a passphrase and of that certificate",
    ],
    [
      { kind: "no_system_authorities" },
      "sslrootcert=system: this system has no list of authorities in a usual place; install ca-certificates, or name a file",
    ],
    [
      { kind: "several_schemas", schemas: ["macp", "public"] },
      "the schemas macp and public of this database each hold a set of keys; name the one to use with schema=NAME, and drop the other when nobody uses it",
    ],
    [
      { kind: "tables_of_another", schema: "tenant", complete: true },
      "the tables in the schema tenant belong to another owner; if they are yours, name it with schema=tenant, else name a schema of your own with schema=NAME",
    ],
    [
      { kind: "tables_of_another", schema: "public", complete: false },
      "the schema public has a table by the name of one of this service's that belongs to another owner; name a schema of your own with schema=NAME",
    ],
  ])("$0.kind", (fault, line) => {
    expect(storeFaultLine(new PostgresUnusable(fault))).toBe(line);
  });
});
