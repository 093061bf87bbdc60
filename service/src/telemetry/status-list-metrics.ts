import { Gauge, type Registry } from "prom-client";

/** What a replica knows of the status lists. */
export interface StatusListFigures {
  /** Lists of which a token may be live. */
  readonly lists: number;
  /** Since its last whole look at the store began; infinite before the first. */
  readonly ageMs: number;
}

/** The figures of status lists. `read`: as it is at a scrape; `undefined`: tokens have no status. */
export function statusListMetrics(registers: Registry[], read: () => StatusListFigures | undefined): void {
  const gauge = (end: string, help: string, of: (figures: StatusListFigures) => number): void => {
    const self = new Gauge({ name: `macp_auth_status_lists${end}`, help, registers, collect });
    function collect(): void {
      self.remove();
      const figures = read();
      if (figures !== undefined) self.set(of(figures));
    }
  };
  gauge("", "Status lists of which a token may be live.", ({ lists }) => lists);
  gauge(
    "_age_seconds",
    "Time since this replica last looked at the store for what stands in status lists; above 5 it serves none.",
    ({ ageMs }) => ageMs / 1_000,
  );
}
