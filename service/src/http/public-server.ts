import { httpServer, type Listener, type ListenerDeps } from "./listener.ts";
import { health } from "./routes/health.ts";
import { type JwksDeps, jwks } from "./routes/jwks.ts";
import { type MintRouteDeps, mintRoute } from "./routes/mint-token.ts";

export type PublicDeps = MintRouteDeps & JwksDeps & ListenerDeps;

/** The public listener: three routes, and a JSON error for everything else. Not yet listening. */
export function publicServer(deps: PublicDeps): Listener {
  return httpServer(deps, {
    "/tokens": { POST: mintRoute(deps) },
    "/healthz": { GET: () => health },
    "/.well-known/jwks.json": { GET: (incoming, requestId) => jwks(deps, incoming, requestId) },
  });
}
