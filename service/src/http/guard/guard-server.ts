import { httpServer, type Listener, type ListenerDeps } from "../listener.ts";
import type { OpenRoute } from "../route.ts";
import { type BoundRoute, bound } from "../router.ts";
import { health } from "../routes/health.ts";
import { type CheckRouteDeps, checkPassage } from "./check-route.ts";
import { SIDECAR_ROUTES, type SidecarDeps } from "./sidecar-routes.ts";

/** What is served beside the check. */
export type AdditionalRoutes = readonly BoundRoute[];

const ROUTES: readonly OpenRoute<CheckRouteDeps>[] = [checkPassage, health];

/** Every operation of the listener of a guard; the last ones are those of a process of its own. */
export const GUARD_ROUTES: readonly OpenRoute<CheckRouteDeps & SidecarDeps>[] = [
  ...ROUTES,
  ...SIDECAR_ROUTES,
];

/** The listener that proxies ask whether a request may pass. Never on the public port. Not yet listening. */
export function guardServer(deps: ListenerDeps & CheckRouteDeps, beside: AdditionalRoutes = []): Listener {
  return httpServer(deps, [...bound(deps, ROUTES), ...beside]);
}
