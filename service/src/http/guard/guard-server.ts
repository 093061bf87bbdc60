import { httpServer, type Listener, type ListenerDeps } from "../listener.ts";
import { health } from "../routes/health.ts";
import { type CheckRouteDeps, checkRoute } from "./check-route.ts";

/** The listener that proxies ask whether a request may pass. Never on the public port. Not yet listening. */
export function guardServer(deps: ListenerDeps & CheckRouteDeps): Listener {
  return httpServer(deps, [
    checkRoute(deps),
    { ...health, handle: (exchange) => health.handle(deps, exchange) },
  ]);
}
