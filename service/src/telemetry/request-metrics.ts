import { Counter, Histogram, type Registry } from "prom-client";
import type { SpanFigures } from "./traces/traces.ts";

/** Around a signature, and to the two seconds after which no entry of the ledger is waited for any longer. docs/slo.md uses 0.25. */
const REQUEST_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** What an answer means for a promise of availability. */
function outcomeOf(status: number): "ok" | "rejected" | "failed" {
  if (status >= 500) return "failed";
  return status >= 400 ? "rejected" : "ok";
}

/** How long answers took, by operation and outcome: both closed sets. */
export function requestTimes(
  registers: Registry[],
): (operation: string, status: number, seconds: number) => void {
  const times = new Histogram({
    name: "macp_auth_request_seconds",
    help: "How long the answers of the public listener took, by operation and outcome.",
    labelNames: ["operation", "outcome"],
    buckets: REQUEST_SECONDS,
    registers,
  });
  // Of the objectives, from the beginning: a first fault that follows no 0 would count as none.
  for (const operation of ["mintToken", "getJwks"])
    for (const outcome of ["ok", "failed"]) times.zero({ operation, outcome });
  return (operation, status, seconds) => {
    times.observe({ operation, outcome: outcomeOf(status) }, seconds);
  };
}

/** What became of the spans of traces. `read`: as it is at a scrape; `undefined`: there are none. */
export function spanCounter(registers: Registry[], read: () => SpanFigures | undefined): void {
  new Counter({
    name: "macp_auth_trace_spans_total",
    help: "Spans of traces by what became of them: sent, dropped for want of room, or not taken by the receiver.",
    labelNames: ["result"],
    registers,
    collect() {
      this.reset();
      const figures = read();
      if (figures === undefined) return;
      for (const result of ["sent", "dropped", "failed"] as const) this.inc({ result }, figures[result]);
    },
  });
}
