import { type AddressInfo, createServer, type Server as SocketServer } from "node:net";
import {
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  setLogVerbosity,
  status,
} from "@grpc/grpc-js";
import { messageOf } from "../../../kernel/faults.ts";
import type { Timers } from "../../../kernel/timers.ts";
import type { CheckRouteDeps } from "../check-route.ts";
import { noteChecked } from "../note-checked.ts";
import { askedIn, MISCONFIGURED, responseTo } from "./check-call.ts";
import { authorizationService, type CheckRequest, type CheckResponse } from "./messages.ts";

export interface ExtAuthzDeps extends CheckRouteDeps {
  readonly timers: Pick<Timers, "delay">;
}

/** Where it listens. */
export interface GrpcPlace {
  readonly host: string;
  readonly port: number;
}

/** The gRPC listener that Envoy asks, not yet listening. */
export interface ExtAuthzServer {
  /** Resolves to its port. Rejects with why it cannot listen there. */
  listen(place: GrpcPlace): Promise<number>;
  /** Ends it once the calls under way are answered, and after a second in any case. */
  close(): Promise<void>;
}

const CLOSE_MS_MAX = 1_000;

/** An Envoy has one connection for each of its threads, and others once as many calls wait on it as are allowed. */
export const GRPC_CONNECTIONS_MAX = 256;

/** A call that is not sent to its end holds what came of it: all of them together are what one connection may cost. */
const OPTIONS = {
  // Envoy sends the headers, of which it accepts 60 KiB.
  "grpc.max_receive_message_length": 131_072,
  "grpc.max_concurrent_streams": 100,
  // The other side is gone, or has nothing to ask: it is asked to open another one when it has.
  "grpc.max_connection_idle_ms": 300_000,
  "grpc.keepalive_time_ms": 60_000,
  "grpc.keepalive_timeout_ms": 20_000,
} as const;

/** `envoy.service.auth.v3.Authorization` over plain HTTP/2: the same decision as `/check`. */
export function extAuthzServer(deps: ExtAuthzDeps): ExtAuthzServer {
  // gRPC writes of its own accord to standard error.
  setLogVerbosity(logVerbosity.NONE);
  const server = new Server(OPTIONS);
  server.addService(authorizationService(), {
    Check: (
      { request }: ServerUnaryCall<CheckRequest, CheckResponse>,
      answer: sendUnaryData<CheckResponse>,
    ): void => {
      checked(deps, request).then(
        (response) => {
          answer(null, response);
        },
        (thrown: unknown) => {
          deps.log.error({ event: "request_failed", reason: "internal", fault: messageOf(thrown) });
          // Envoy takes any status but OK for a failed call: with `failure_mode_allow: false` nothing passes.
          answer({ code: status.INTERNAL, details: "internal error" });
        },
      );
    },
  });
  // gRPC's own listener accepts connections without end.
  const connections = server.createConnectionInjector(ServerCredentials.createInsecure());
  const listener = createServer({ noDelay: true }, (socket) => {
    connections.injectConnection(socket);
  });
  listener.maxConnections = GRPC_CONNECTIONS_MAX;
  return {
    listen: (place) => listenAt(listener, place),
    async close() {
      listener.close();
      const patience = deps.timers.delay(CLOSE_MS_MAX);
      const ended = new Promise<void>((resolve) => {
        server.tryShutdown(() => {
          resolve();
        });
      });
      await Promise.race([ended, patience.over]);
      patience.cancel();
      server.forceShutdown();
    },
  };
}

function listenAt(listener: SocketServer, place: GrpcPlace): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(place, () => {
      listener.off("error", reject);
      resolve((listener.address() as AddressInfo).port);
    });
  });
}

async function checked(deps: ExtAuthzDeps, request: CheckRequest): Promise<CheckResponse> {
  const { headers, authorization, required: read } = askedIn(request);
  if (read.kind === "unknown") {
    deps.misconfigured(read.member);
    deps.meter.checked("grpc", "misconfigured");
    return MISCONFIGURED;
  }
  const outcome = await deps.check({ authorization, required: read.required });
  noteChecked(deps, "grpc", outcome, undefined);
  return responseTo(outcome, headers);
}
