import { Counter, Histogram, type Registry } from "prom-client";

/** Around the 45 ms after which a replica decides by itself. */
const DECISION_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25];

/** How long decisions took for which the server of shared limits was asked. */
export function decisionTimes(registers: Registry[]): (seconds: number) => void {
  const times = new Histogram({
    name: "macp_auth_limits_decision_seconds",
    help: "How long decisions took for which the server of shared limits was asked.",
    buckets: DECISION_SECONDS,
    registers,
  });
  return (seconds) => {
    times.observe(seconds);
  };
}

/** How many times a bucket found no place of its own, by table. `read`: a closed set of tables. */
export function overflowCounter(registers: Registry[], read: () => ReadonlyMap<string, number>): void {
  new Counter({
    name: "macp_auth_limits_overflows_total",
    help: "Times that a bucket shared the one for all because its table was full, by table.",
    labelNames: ["table"],
    registers,
    collect() {
      this.reset();
      for (const [table, count] of read()) this.inc({ table }, count);
    },
  });
}
