import { isLoopback } from "../../../kernel/loopback.ts";
import type { DatabaseFacts } from "../../../wiring/look-at-database.ts";
import { type Finding, fail, ok, type Rule, warn } from "../finding.ts";

/** PostgreSQL answers, accepts the service's login, and accepts writes. */
export function databaseCanBeUsed({ answer }: DatabaseFacts): readonly Finding[] {
  const check = "store";
  if (answer.kind === "fault") return [fail(check, answer.fault, answer.fix)];
  return answer.acceptsWrites
    ? [ok(check, "PostgreSQL answers and accepts writes; its keys were not checked")]
    : [
        fail(
          check,
          "PostgreSQL answers but does not accept writes: it is a standby or read-only",
          "name the primary in MACP_AUTH_STORE_URL, or all hosts with target_session_attrs=read-write",
        ),
      ];
}

/** The connection is encrypted and leads to the right server. */
export function databaseIsReachedSafely({ location: { hosts, tls } }: DatabaseFacts): readonly Finding[] {
  const check = "store-encryption";
  if (hosts.every(({ host }) => host.startsWith("/") || isLoopback(host)))
    return [ok(check, "PostgreSQL is on this machine")];
  const fix = "set sslmode=verify-full, and sslrootcert=FILE for a private certificate authority";
  switch (tls.mode) {
    case "verify-full":
      return [
        ok(check, "the connection to PostgreSQL is encrypted, and the server's certificate is checked"),
      ];
    case "verify-ca":
    case "require":
      return [warn(check, `sslmode=${tls.mode}: another server could answer in place of PostgreSQL`, fix)];
    case "prefer":
    case "disable":
      return [
        warn(check, `sslmode=${tls.mode}: the password may cross the network where others can read it`, fix),
      ];
  }
}

export const DATABASE_RULES: readonly Rule<DatabaseFacts>[] = [databaseCanBeUsed, databaseIsReachedSafely];
