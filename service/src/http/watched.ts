import type { Stopwatch } from "../kernel/clock.ts";
import type { Traces } from "../telemetry/traces/traces.ts";
import type { Answer } from "./answer.ts";
import type { BoundRoute } from "./router.ts";

/** What a request is watched with, each where somebody looks. */
export interface RequestWatch {
  readonly stopwatch: Stopwatch;
  readonly traces: Traces | undefined;
  /** Notes that an operation was answered with this status, after so many seconds. */
  readonly answered: ((operation: string, status: number, seconds: number) => void) | undefined;
}

/** Health checks come every few seconds, and say nothing in a trace. */
const UNTRACED = ["getHealth"];

/** A route whose requests are timed, counted and traced; as it is where nobody looks. */
export function watched<Route extends BoundRoute & { readonly operationId: string }>(
  route: Route,
  watch: RequestWatch | undefined,
): Route {
  if (watch === undefined) return route;
  const traced = tracedHandle(route, watch.traces);
  const { stopwatch, answered } = watch;
  if (answered === undefined) return { ...route, handle: traced };
  const handle: BoundRoute["handle"] = async (exchange): Promise<Answer> => {
    const begun = stopwatch.elapsed();
    let status = 500;
    try {
      const answer = await traced(exchange);
      ({ status } = answer);
      return answer;
    } finally {
      answered(route.operationId, status, stopwatch.elapsed() - begun);
    }
  };
  return { ...route, handle };
}

function tracedHandle(
  { operationId: operation, method, path: route, handle }: BoundRoute & { readonly operationId: string },
  traces: Traces | undefined,
): BoundRoute["handle"] {
  if (traces === undefined || UNTRACED.includes(operation)) return handle;
  return (exchange) => {
    const { traceparent } = exchange.incoming.headers;
    return traces.request(
      {
        operation,
        // As OpenTelemetry names what may be any method.
        method: method === "ANY" ? "_OTHER" : method,
        route,
        traceparent: typeof traceparent === "string" ? traceparent : undefined,
      },
      () => handle(exchange),
    );
  };
}
