import { httpServer, type Listener, type ListenerDeps } from "../listener.ts";
import type { BoundRoute } from "../router.ts";
import { health } from "../routes/health.ts";
import { type CheckRouteDeps, checkRoute } from "./check-route.ts";

/** What is served beside the check. */
export type AdditionalRoutes = readonly BoundRoute[];

/** The listener that proxies ask whether a request may pass. Never on the public port. Not yet listening. */
export function guardServer(deps: ListenerDeps & CheckRouteDeps, beside: AdditionalRoutes = []): Listener {
  return httpServer(deps, [
    checkRoute(deps),
    { ...health, handle: (exchange) => health.handle(deps, exchange) },
    ...beside,
  ]);
}
