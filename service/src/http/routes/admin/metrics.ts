import { z } from "zod";
import type { Metrics } from "../../../telemetry/metrics.ts";
import { answerWith } from "../../answer.ts";
import { VIEWERS } from "../../operator.ts";
import { type OperatorRoute, UNCACHED } from "../../route.ts";

export interface MetricsDeps {
  readonly metrics: Pick<Metrics, "contentType" | "render">;
}

const { "cache-control": NO_STORE } = UNCACHED;

/** `GET /metrics`: the metrics in the Prometheus text format; docs/metrics.md lists them. */
export const figures: OperatorRoute<MetricsDeps> = {
  operationId: "getMetrics",
  tag: "health",
  summary: "Metrics for Prometheus",
  method: "GET",
  path: "/metrics",
  access: "operator",
  roles: VIEWERS,
  answers: {
    200: {
      description: "The metrics, in the Prometheus text format.",
      headers: { "cache-control": NO_STORE },
      body: { mediaType: "text/plain", schema: z.string() },
    },
  },
  reasons: [],
  handle: async ({ metrics }) =>
    answerWith(
      200,
      ["content-type", metrics.contentType, "cache-control", "no-store"],
      await metrics.render(),
    ),
};
