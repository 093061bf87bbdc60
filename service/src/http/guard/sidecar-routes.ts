import type { Freshness } from "../../ledger/ledger.ts";
import { answerWith, json } from "../answer.ts";
import type { BoundRoute } from "../router.ts";

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

/** `/readyz` and `/metrics`: there is no other listener to ask. Neither says anything of a token. */
export function sidecarRoutes(deps: SidecarDeps): readonly BoundRoute[] {
  return [
    { method: "GET", path: "/readyz", handle: () => readiness(deps) },
    {
      method: "GET",
      path: "/metrics",
      handle: async () =>
        answerWith(
          200,
          ["content-type", deps.metrics.contentType, "cache-control", "no-store"],
          await deps.metrics.render(),
        ),
    },
  ];
}

function readiness({ freshness, epoch, hasKeys, failure, staleAfterMs, isStopping }: SidecarDeps) {
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
