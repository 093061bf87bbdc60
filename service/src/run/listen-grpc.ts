import { ConfigError } from "../config/config-error.ts";
import type { ExtAuthzServer } from "../http/guard/ext-authz/server.ts";
import { messageOf } from "../kernel/faults.ts";
import { lineOfListenFault, type Place } from "./listen.ts";

/** A gRPC listener that is to listen there. */
export interface OpenGrpcListener {
  readonly server: ExtAuthzServer;
  readonly place: Place & { readonly host: string };
}

/** Listens; resolves to where. Throws `ConfigError` when the address cannot be used. */
export async function listenGrpc({
  server,
  place,
}: OpenGrpcListener): Promise<{ readonly address: string; readonly port: number }> {
  try {
    return { address: place.host, port: await server.listen(place) };
  } catch (thrown) {
    // gRPC gives the error of the socket as a part of its text.
    const why = /\bE[A-Z]{4,}\b/.exec(messageOf(thrown))?.[0];
    throw new ConfigError([lineOfListenFault(why ?? "no such address", place)]);
  }
}
