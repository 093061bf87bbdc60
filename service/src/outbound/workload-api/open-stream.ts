import { isIPv6 } from "node:net";
import { Client, credentials, logVerbosity, Metadata, setLogVerbosity } from "@grpc/grpc-js";
import { FETCH_X509_SVID, formOfFetchX509Svid, type X509SvidMessage } from "./messages.ts";
import { failureOf, type StreamFailure } from "./stream-failure.ts";

/** Where the Workload API is: an absolute path, or an IP address without brackets. */
export type WorkloadApiPlace =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly address: string; readonly port: number };

/** What becomes of a stream. `onEnd` comes once, and nothing after it. */
export interface StreamListener {
  readonly onMessage: (message: X509SvidMessage) => void;
  readonly onEnd: (failure: StreamFailure) => void;
}

/** Port. Opens one stream; the returned function ends it, and the listener then hears nothing more. */
export type OpenStream = (listener: StreamListener) => () => void;

/** No answer is larger: a certificate and a key have a few KiB, and so has each trust domain. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/**
 * How often a connection without messages is tried: one over TCP may be lost without a sign. The gRPC of SPIRE's agent ends connections
 * that are tried more often than every five minutes.
 */
const KEEPALIVE_MS = 600_000;

const OPTIONS = {
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  "grpc.keepalive_time_ms": KEEPALIVE_MS,
  "grpc.keepalive_timeout_ms": 20_000,
  // The endpoint is of this machine, whatever proxies its environment names.
  "grpc.enable_http_proxy": 0,
  "grpc.enable_retries": 0,
  // Each stream has a connection of its own, so that an attempt does not wait for the pause that gRPC makes after another one.
  "grpc.use_local_subchannel_pool": 1,
} as const;

/** A function that opens streams of the Workload API at this place. */
export function streamOpener(place: WorkloadApiPlace): OpenStream {
  // gRPC writes of its own accord to standard error; what went wrong comes with the status of the call.
  setLogVerbosity(logVerbosity.NONE);
  const { requestSerialize, responseDeserialize } = formOfFetchX509Svid();
  return ({ onMessage, onEnd }) => {
    const client = new Client(targetOf(place), credentials.createInsecure(), OPTIONS);
    const metadata = new Metadata();
    metadata.set("workload.spiffe.io", "true");
    const call = client.makeServerStreamRequest(
      FETCH_X509_SVID,
      requestSerialize,
      responseDeserialize,
      {},
      metadata,
    );
    let isOver = false;
    const end = (): void => {
      isOver = true;
      call.cancel();
      client.close();
    };
    call.on("data", (message: X509SvidMessage) => {
      if (!isOver) onMessage(message);
    });
    // The status says the same, and comes in any case.
    call.on("error", () => undefined);
    call.on("status", ({ code, details }) => {
      if (isOver) return;
      end();
      onEnd(failureOf(code, details));
    });
    return end;
  };
}

/** As gRPC names it (gRPC naming.md). */
function targetOf(place: WorkloadApiPlace): string {
  if (place.kind === "unix") return `unix:${place.path}`;
  const { address, port } = place;
  return isIPv6(address) ? `ipv6:[${address}]:${String(port)}` : `ipv4:${address}:${String(port)}`;
}
