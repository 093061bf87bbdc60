import { z } from "zod";
import { host, whole } from "./fields.ts";

/** Where proxies ask whether a request may pass: over HTTP, by gRPC, or both. */
export interface GuardSettings {
  readonly host: string;
  readonly port: number | undefined;
  readonly grpcPort: number | undefined;
}

/** The settings of the guard as a person writes them. */
export const GuardWritten = z.object({
  port: whole(0, 65_535)
    .optional()
    .describe(
      "port of the guard's HTTP listener, which proxies ask whether a request may pass; unset means none",
    ),
  grpcPort: whole(0, 65_535)
    .optional()
    .describe("port of the guard's gRPC listener, which Envoy asks (`ext_authz`); unset means none"),
  host: host().default("127.0.0.1").describe("address of the guard's listeners"),
});

/** The settings that follow from them; `undefined`: there is no guard. `isGiven`: whether a port is written, readable or not. */
export function guardSettings(
  { port, grpcPort, host: address }: z.infer<typeof GuardWritten>,
  isGiven: (setting: "guard.port" | "guard.grpcPort") => boolean,
): GuardSettings | undefined {
  const [hasHttp, hasGrpc] = [isGiven("guard.port"), isGiven("guard.grpcPort")];
  if (!hasHttp && !hasGrpc) return undefined;
  return {
    host: address,
    port: hasHttp ? (port ?? 0) : undefined,
    grpcPort: hasGrpc ? (grpcPort ?? 0) : undefined,
  };
}
