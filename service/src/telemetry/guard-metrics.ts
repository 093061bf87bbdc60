import type { Counter } from "prom-client";
import type { GuardMeter } from "./meter.ts";

/** Counts what the guard decides. */
export function guardCounter(
  count: (name: string, help: string, labelNames: string[]) => Counter,
): GuardMeter {
  const help = "Decisions of the guard, by the listener that was asked and by result.";
  const checks = count("guard_checks_total", help, ["door", "result"]);
  // An alert looks for the first one: without a 0 before it, Prometheus would see no increase.
  for (const door of ["http", "grpc"]) checks.inc({ door, result: "revoked" }, 0);
  return { checked: (door, result) => checks.inc({ door, result }) };
}
