import type { TraceSettings } from "../config/trace-settings.ts";
import { codeOf, messageOf } from "../kernel/faults.ts";
import { printable } from "../kernel/printable.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Log } from "../telemetry/log.ts";
import { seldom } from "../telemetry/seldom.ts";
import type { Traces } from "../telemetry/traces/traces.ts";

/** The traces of a service, and the log that learns when they do not arrive. */
interface ServiceTraces {
  /** `undefined`: there are none. */
  readonly traces: Traces | undefined;
  readonly logFields: Traces["logFields"] | undefined;
  readonly reportTo: (log: Log) => void;
  readonly close: () => Promise<void>;
}

const NO_TRACES: ServiceTraces = {
  traces: undefined,
  logFields: undefined,
  reportTo: () => undefined,
  close: () => Promise.resolve(),
};

/** At most one line in this time. */
const LINE_MS = 10_000;
const FAULT_CHARS_MAX = 200;

/** Opens the traces that the settings ask for. `caPem`: the authorities of the receiver; `undefined`: those of the machine. Without them, nothing of OpenTelemetry is loaded. */
export async function openServiceTraces(
  settings: TraceSettings | undefined,
  caPem: string | undefined,
  { timers, version }: { readonly timers: Timers; readonly version: string },
): Promise<ServiceTraces> {
  if (settings === undefined) return NO_TRACES;
  const { openTraces } = await import("../telemetry/traces/open-traces.ts");
  const inALine = seldom(timers, LINE_MS);
  let log: Log | undefined;
  const headers = Object.fromEntries([...settings.headers].map(([name, value]) => [name, value.reveal()]));
  const traces = openTraces({ ...settings, headers, caPem, version }, (thrown) => {
    inALine(() => {
      const { failed, dropped } = traces.figures();
      log?.warn({ event: "traces_unsent", fault: faultOf(thrown), failed, dropped });
    });
  });
  return {
    traces,
    logFields: traces.logFields,
    close: () => traces.close(),
    reportTo: (opened) => {
      log = opened;
    },
  };
}

/** What the receiver said may be long, and is not ours. */
function faultOf(thrown: unknown): string {
  return printable([codeOf(thrown), messageOf(thrown)].join(" ").trim().slice(0, FAULT_CHARS_MAX));
}
