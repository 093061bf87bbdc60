import { AsyncLocalStorage } from "node:async_hooks";
import { constants } from "node:crypto";
import {
  type Context,
  defaultTextMapGetter,
  defaultTextMapSetter,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { type SpanExporter, TracerProvider } from "@opentelemetry/sdk-trace";
import { boundedQueue, SEND_MS_MAX } from "./bounded-queue.ts";
import { type SamplerName, samplerOf } from "./sampler.ts";
import type { Traces } from "./traces.ts";

/** Where traces go, and which. */
export interface TracesPlace {
  /** Where OTLP over HTTP is received, path included. */
  readonly url: string;
  /** Sent with each batch; may hold the secret of the receiver. */
  readonly headers: Readonly<Record<string, string>>;
  /** The authorities of the receiver; `undefined`: those of the machine. */
  readonly caPem: string | undefined;
  readonly sampler: SamplerName;
  readonly ratio: number;
  readonly serviceName: string;
  readonly version: string;
}

/** Opens traces that go to `place` as OTLP/HTTP JSON. `failed` is called for each batch that the receiver did not take. */
export function openTraces(place: TracesPlace, failed: (fault: unknown) => void): Traces {
  const exporter = new OTLPTraceExporter({
    url: place.url,
    headers: { ...place.headers },
    timeoutMillis: SEND_MS_MAX,
    httpAgentOptions: {
      keepAlive: true,
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      ...(place.caPem !== undefined && { ca: place.caPem }),
    },
  });
  return tracesTo(exporter, place, failed);
}

/** The same, to any exporter. */
function tracesTo(
  exporter: SpanExporter,
  { sampler, ratio, serviceName, version }: Omit<TracesPlace, "url" | "headers" | "caPem">,
  failed: (fault: unknown) => void,
): Traces {
  const queue = boundedQueue(exporter, failed);
  const provider = new TracerProvider({
    sampler: samplerOf(sampler, ratio),
    resource: detectResources({ detectors: [envDetector] }).merge(
      resourceFromAttributes({ "service.name": serviceName, "service.version": version }),
    ),
    spanProcessors: [queue.processor],
  });
  return {
    ...recorder(provider.getTracer("macp-auth", version)),
    figures: () => queue.figures(),
    close: () => provider.shutdown(),
  };
}

/** The request that runs now, or the step of it: its span, and the context that makes others its children. */
interface Current {
  readonly span: Span;
  readonly context: Context;
}

/**
 * The spans of requests and of their steps. Nothing is registered with the API of OpenTelemetry, so that no other code of the process
 * makes spans. A step of a request that is not sampled costs a look at the current request.
 */
function recorder(tracer: Tracer): Pick<Traces, "request" | "step" | "call" | "logFields"> {
  const propagator = new W3CTraceContextPropagator();
  const current = new AsyncLocalStorage<Current>();
  return {
    async request({ operation, method, route, traceparent }, run) {
      // `tracestate` is not read: it is text that anyone may write.
      const before = propagator.extract(ROOT_CONTEXT, { traceparent }, defaultTextMapGetter);
      const span = tracer.startSpan(
        `${method} ${route}`,
        {
          kind: SpanKind.SERVER,
          attributes: { "http.request.method": method, "http.route": route, "macp.operation": operation },
        },
        before,
      );
      if (!span.isRecording()) return run();
      try {
        const answer = await current.run({ span, context: trace.setSpan(before, span) }, run);
        span.setAttribute("http.response.status_code", answer.status);
        // A rejected request is no error of the server (OpenTelemetry's conventions for HTTP spans).
        if (answer.status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        return answer;
      } catch (thrown) {
        span.setAttribute("http.response.status_code", 500);
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw thrown;
      } finally {
        span.end();
      }
    },
    step(name, run) {
      const around = current.getStore();
      if (around === undefined) return run();
      const span = tracer.startSpan(name, { kind: SpanKind.INTERNAL }, around.context);
      return during(span, () => current.run({ span, context: trace.setSpan(around.context, span) }, run));
    },
    call(name, run) {
      const around = current.getStore();
      if (around === undefined) return run({});
      const span = tracer.startSpan(name, { kind: SpanKind.CLIENT }, around.context);
      const headers: Record<string, string> = {};
      propagator.inject(trace.setSpan(around.context, span), headers, defaultTextMapSetter);
      return during(span, () => run(headers));
    },
    logFields() {
      const span = current.getStore()?.span;
      return span === undefined ? {} : { trace_id: span.spanContext().traceId };
    },
  };
}

/** Ends the span when `run` has returned, or when the promise that it gave settles. */
function during<T>(span: Span, run: () => T): T {
  const failed = (thrown: unknown): never => {
    // What was thrown may hold anything: only that it was is noted.
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    throw thrown;
  };
  let result: T;
  try {
    result = run();
  } catch (thrown) {
    return failed(thrown);
  }
  if (!(result instanceof Promise)) {
    span.end();
    return result;
  }
  const ended = result.then((value: unknown) => {
    span.end();
    return value;
  }, failed);
  return ended as T;
}
