import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { guardCounter } from "./guard-metrics.ts";
import type { GuardMeter } from "./meter.ts";
import type { RevocationFigures } from "./revocation-metrics.ts";

/** The figures of a guard of its own process. docs/guard-sidecar.md lists them. */
export interface SidecarMetrics extends GuardMeter {
  /** A poll of the mint brought nothing. */
  feedFailed(reason: string): void;
  readonly contentType: string;
  render(): Promise<string>;
}

/** What it knows at a scrape, and how old that may be. */
export type SidecarFigures = RevocationFigures & { readonly staleAfterMs: number };

export function sidecarMetrics(read: () => SidecarFigures): SidecarMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const count = (name: string, help: string, labelNames: string[]): Counter =>
    new Counter({ name: `macp_auth_${name}`, help, labelNames, registers });
  const gauge = (end: string, help: string, of: (figures: SidecarFigures) => number): void => {
    const self = new Gauge({ name: `macp_auth_${end}`, help, registers, collect });
    function collect(): void {
      self.set(of(read()));
    }
  };
  gauge(
    "guard_feed_age_seconds",
    "How old what this guard knows of its mint is.",
    ({ ageMs }) => ageMs / 1_000,
  );
  gauge(
    "guard_stale_after_seconds",
    "Above this age the guard rejects every request.",
    (figures) => figures.staleAfterMs / 1_000,
  );
  gauge("revocation_epoch", "Number of the last revocation that this guard knows.", ({ epoch }) => epoch);
  gauge(
    "revoked_live",
    "Tokens, senders, callers, runs and keys that are stopped, as this guard knows them.",
    ({ size }) => size,
  );
  const failures = count("guard_feed_failures_total", "Polls of the mint that brought nothing, by reason.", [
    "reason",
  ]);
  return {
    ...guardCounter(count),
    feedFailed: (reason) => failures.inc({ reason }),
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}
