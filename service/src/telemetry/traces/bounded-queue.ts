import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type SpanExporter,
  type SpanProcessor,
} from "@opentelemetry/sdk-trace";
import type { SpanFigures } from "./traces.ts";

/** Ended spans that may wait in memory, about 1 kB each. Beyond them spans are dropped: requests never wait for the receiver. */
const WAITING_MAX = 4_096;
const BATCH_MAX = 512;
/** How long spans gather before they are sent. */
const GATHER_MS = 1_000;
/** After this time a batch that is not confirmed is given up, and the next one is sent. */
export const SEND_MS_MAX = 10_000;

/** The spans that wait, and what became of those before. */
export interface SpanQueue {
  readonly processor: SpanProcessor;
  figures(): SpanFigures;
}

/**
 * Sends ended spans in batches, one at a time. The library's own queue counts its drops only for itself, so this one is in front of it,
 * and also counts what is on its way. `failed` is called for each batch that the receiver did not take.
 */
export function boundedQueue(exporter: SpanExporter, failed: (fault: unknown) => void): SpanQueue {
  let waiting = 0;
  const figures = { sent: 0, dropped: 0, failed: 0 };
  const counted: SpanExporter = {
    export(spans: ReadableSpan[], done: (result: ExportResult) => void) {
      exporter.export(spans, (result) => {
        waiting -= spans.length;
        const isSent = result.code === ExportResultCode.SUCCESS;
        figures[isSent ? "sent" : "failed"] += spans.length;
        if (!isSent) failed(result.error);
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
  const batches = new BatchSpanProcessor({
    exporter: counted,
    maxQueueSize: WAITING_MAX,
    maxExportBatchSize: BATCH_MAX,
    scheduledDelayMillis: GATHER_MS,
    // Longer than the exporter's own limit: each batch is counted once, by its answer.
    exportTimeoutMillis: SEND_MS_MAX * 2,
  });
  return {
    processor: {
      onStart: () => undefined,
      onEnd(span) {
        if (waiting >= WAITING_MAX) {
          figures.dropped += 1;
          return;
        }
        waiting += 1;
        batches.onEnd(span);
      },
      forceFlush: () => batches.forceFlush(),
      shutdown: () => batches.shutdown(),
    },
    figures: () => ({ ...figures }),
  };
}
