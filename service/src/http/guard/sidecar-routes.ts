import { z } from "zod";
import type { Freshness } from "../../ledger/ledger.ts";
import { type Answer, answerWith, json } from "../answer.ts";
import { jsonAnswer, type OpenRoute, UNCACHED } from "../route.ts";
import { type BoundRoute, bound } from "../router.ts";

/** What the listener of a guard of its own process also says. */
export interface SidecarDeps {
  readonly freshness: () => Freshness;
  readonly epoch: () => number;
  readonly hasKeys: () => boolean;
  /** Why the newest poll brought nothing. */
  readonly failure: () => string | undefined;
  readonly staleAfterMs: number;
  readonly isStopping: () => boolean;
  readonly metrics: { readonly contentType: string; render(): Promise<string> };
}

const ReadinessBody = z
  .strictObject({
    ready: z.boolean(),
    reasons: z.array(z.enum(["stopping", "revocations_stale", "no_keys"])),
    epoch: z
      .int()
      .min(-1)
      .meta({ description: "The number of the last revocation that is known; -1: none was read yet." }),
    age_ms: z
      .int()
      .min(0)
      .nullable()
      .meta({ description: "How old what it knows is; null: nothing was read yet." }),
    stale_after_ms: z.int().meta({ description: "When older, every request is rejected." }),
    feed: z.string().meta({ description: "`ok`, or why the newest poll brought nothing." }),
  })
  .meta({ id: "GuardReadiness" });

const ofOwnProcess = {
  tag: "own process",
  method: "GET",
  access: "anyone",
  reasons: [],
} as const;

/** `GET /readyz`: whether it knows enough to decide. */
const guardReadiness: OpenRoute<SidecarDeps> = {
  ...ofOwnProcess,
  operationId: "getGuardReadiness",
  summary: "Whether it knows enough to decide",
  path: "/readyz",
  answers: {
    200: jsonAnswer("It is ready.", ReadinessBody),
    503: jsonAnswer("It is not ready, for these reasons.", ReadinessBody),
  },
  handle: readiness,
};

const { "cache-control": NO_STORE } = UNCACHED;

/** `GET /metrics`: docs/guard-sidecar.md lists them. */
const guardFigures: OpenRoute<SidecarDeps> = {
  ...ofOwnProcess,
  operationId: "getGuardMetrics",
  summary: "Metrics for Prometheus",
  path: "/metrics",
  answers: {
    200: {
      description: "The metrics, in the Prometheus text format.",
      headers: { "cache-control": NO_STORE },
      body: { mediaType: "text/plain", schema: z.string() },
    },
  },
  handle: async ({ metrics }) =>
    answerWith(
      200,
      ["content-type", metrics.contentType, "cache-control", "no-store"],
      await metrics.render(),
    ),
};

/** There is no other listener to ask. Neither says anything of a token. */
export const SIDECAR_ROUTES: readonly OpenRoute<SidecarDeps>[] = [guardReadiness, guardFigures];

/** The same, ready to be served. */
export function sidecarRoutes(deps: SidecarDeps): readonly BoundRoute[] {
  return bound(deps, SIDECAR_ROUTES);
}

function readiness({ freshness, epoch, hasKeys, failure, staleAfterMs, isStopping }: SidecarDeps): Answer {
  const { ageMs, isFresh } = freshness();
  const reasons = [
    ...(isStopping() ? ["stopping"] : []),
    ...(isFresh ? [] : ["revocations_stale"]),
    ...(hasKeys() ? [] : ["no_keys"]),
  ];
  const isReady = reasons.length === 0;
  return json(isReady ? 200 : 503, {
    ready: isReady,
    reasons,
    epoch: epoch(),
    // JSON has no infinity: nothing was read yet.
    age_ms: Number.isFinite(ageMs) ? Math.round(ageMs) : null,
    stale_after_ms: staleAfterMs,
    feed: failure() ?? "ok",
  });
}
