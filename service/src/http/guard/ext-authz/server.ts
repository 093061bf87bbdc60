import { isIPv6 } from "node:net";
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

const OPTIONS = {
  // Envoy sends the headers, of which it accepts 60 KiB, and, where it is configured to, the beginning of the body.
  "grpc.max_receive_message_length": 1_048_576,
  "grpc.max_concurrent_streams": 1_000,
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
  return {
    listen: ({ host, port }) =>
      new Promise((resolve, reject) => {
        const target = `${isIPv6(host) ? `[${host}]` : host}:${String(port)}`;
        server.bindAsync(target, ServerCredentials.createInsecure(), (fault, bound) => {
          if (fault === null) resolve(bound);
          else reject(fault);
        });
      }),
    async close() {
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
