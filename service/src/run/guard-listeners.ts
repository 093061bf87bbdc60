import type { LoadedSettings } from "../config/sources.ts";
import { type AdditionalRoutes, guardServer } from "../http/guard/guard-server.ts";
import type { ListenerDeps } from "../http/listener.ts";
import type { GuardMeter } from "../telemetry/meter.ts";
import type { Verified } from "../tokens/verify.ts";
import { openGuard } from "../wiring/guard/open-guard.ts";
import type { OpenListener } from "./listen.ts";
import type { OpenGrpcListener } from "./listen-grpc.ts";

/** The listeners of a guard, not yet listening; each only where it is set. */
export interface GuardListeners {
  readonly http: OpenListener | undefined;
  readonly grpc: OpenGrpcListener | undefined;
}

const NONE: GuardListeners = { http: undefined, grpc: undefined };

/** Prepares the listeners that proxies ask: one decision behind both. The code of gRPC is loaded only where it is set. */
export async function guardListeners(
  shared: ListenerDeps & { readonly meter: GuardMeter },
  verify: ((text: string) => Promise<Verified>) | undefined,
  { settings: { guard, tokens }, labels }: Pick<LoadedSettings, "settings" | "labels">,
  routes: AdditionalRoutes = [],
): Promise<GuardListeners> {
  if (guard === undefined || verify === undefined) return NONE;
  const deps = { ...shared, ...openGuard(verify, tokens, shared) };
  const { host, port, grpcPort } = guard;
  const hostVariable = labels.of("guard.host");
  const http = port !== undefined && {
    listener: guardServer(deps, routes),
    place: { port, host, portVariable: labels.of("guard.port"), hostVariable },
  };
  if (grpcPort === undefined) return { http: http || undefined, grpc: undefined };
  const { extAuthzServer } = await import("../http/guard/ext-authz/server.ts");
  const grpc = {
    server: extAuthzServer(deps),
    place: { port: grpcPort, host, portVariable: labels.of("guard.grpcPort"), hostVariable },
  };
  return { http: http || undefined, grpc };
}
