import { type Counter, Gauge, type Registry } from "prom-client";

/** How far a receiver of events is, as this replica knows it. */
export interface ReceiverFigures {
  readonly receiver: string;
  readonly behind: number;
  readonly lagSeconds: number;
  readonly dead: number;
}

/** What is counted of tries. */
export interface EventMeter {
  delivered(receiver: string): void;
  failed(receiver: string): void;
  dead(receiver: string): void;
}

/** The figures of events. `read`: as it is at a scrape; empty: nobody is sent any. */
export function eventMetrics(
  count: (name: string, help: string, labelNames: string[]) => Counter,
  registers: Registry[],
  read: () => readonly ReceiverFigures[],
): EventMeter {
  const tries = count(
    "event_tries_total",
    "Tries of this replica to send an event, by receiver and result: `delivered`, `failed`, `dead`.",
    ["receiver", "result"],
  );
  const gauge = (end: string, help: string, of: (figures: ReceiverFigures) => number): void => {
    const self = new Gauge({
      name: `macp_auth_events_${end}`,
      help,
      labelNames: ["receiver"],
      registers,
      collect,
    });
    function collect(): void {
      self.reset();
      for (const figures of read()) self.set({ receiver: figures.receiver }, of(figures));
    }
  };
  gauge("behind", "Revocations that a receiver of events has not got.", ({ behind }) => behind);
  gauge(
    "lag_seconds",
    "For how long a receiver of events has not had everything.",
    ({ lagSeconds }) => lagSeconds,
  );
  gauge("dead", "Events that were given up and not replayed since.", ({ dead }) => dead);
  const counted = (result: string) => (receiver: string) => {
    tries.inc({ receiver, result });
  };
  return { delivered: counted("delivered"), failed: counted("failed"), dead: counted("dead") };
}
