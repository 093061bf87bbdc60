import { httpServer, type Listener, type ListenerDeps } from "./listener.ts";
import type { OpenRoute } from "./route.ts";
import { health } from "./routes/health.ts";
import { type JwksDeps, jwks } from "./routes/jwks.ts";
import { type MintRouteDeps, mintToken } from "./routes/mint-token.ts";

export interface PublicDeps extends ListenerDeps, JwksDeps, Omit<MintRouteDeps, "underWay"> {}

/** Every operation of the public listener. */
export const PUBLIC_ROUTES: readonly OpenRoute<PublicDeps & MintRouteDeps>[] = [mintToken, jwks, health];

export type PlainDeps = ListenerDeps & JwksDeps;

/** What may be read without TLS: the runtime fetches its JWKS over plain HTTP only. */
const PLAIN_ROUTES: readonly OpenRoute<PlainDeps>[] = [jwks, health];

/** The listener beside the public one that serves only public keys and health. Not yet listening. */
export function plainServer(deps: PlainDeps): Listener {
  return httpServer(
    deps,
    PLAIN_ROUTES.map((route) => ({ ...route, handle: (exchange) => route.handle(deps, exchange) })),
  );
}

/** The public listener. Not yet listening. */
export function publicServer(deps: PublicDeps): Listener {
  const all = { ...deps, underWay: { mints: 0 } };
  return httpServer(
    deps,
    PUBLIC_ROUTES.map((route) => ({ ...route, handle: (exchange) => route.handle(all, exchange) })),
  );
}
