import { type Counter, Gauge, type Registry } from "prom-client";

/** What a replica knows of what is revoked. */
export interface RevocationFigures {
  /** The number of the last revocation that it knows; -1: it has not read any yet. */
  readonly epoch: number;
  /** Tokens, senders, callers, runs and keys that are stopped. */
  readonly size: number;
  /** Since its last whole look at the store began; infinite before the first. */
  readonly ageMs: number;
}

/** The figures of what is revoked. `read`: as it is at a scrape; `undefined`: nothing is recorded. Gives the counter of revocations. */
export function revocationMetrics(
  count: (name: string, help: string, labelNames: string[]) => Counter,
  registers: Registry[],
  read: () => RevocationFigures | undefined,
): (door: string) => void {
  const made = count(
    "revocations_total",
    "Revocations that operators made through this replica, by what they name; `undo`: taken back.",
    ["door"],
  );
  const gauge = (end: string, help: string, of: (figures: RevocationFigures) => number): void => {
    const self = new Gauge({ name: `macp_auth_${end}`, help, registers, collect });
    function collect(): void {
      self.remove();
      const figures = read();
      if (figures !== undefined) self.set(of(figures));
    }
  };
  gauge("revocation_epoch", "Number of the last revocation that this replica knows.", ({ epoch }) => epoch);
  gauge(
    "revoked_live",
    "Tokens, senders, callers, runs and keys that are stopped, as this replica knows them.",
    ({ size }) => size,
  );
  gauge(
    "revocations_age_seconds",
    "Time since this replica last looked at the store for revocations; above 1 it calls no token active.",
    ({ ageMs }) => ageMs / 1_000,
  );
  return (door) => {
    made.inc({ door });
  };
}
