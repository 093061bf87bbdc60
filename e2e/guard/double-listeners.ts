import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import {
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { systemClock, systemStopwatch } from "../../service/src/kernel/clock.ts";
import { RuntimeDouble } from "../../service/src/testing/runtime-double/runtime-double.ts";

/** What a call brought to the runtime: the name of its method, and each header. */
export interface Arrived {
  readonly method: string;
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** The two doors of a runtime double, on free ports of this machine. */
export interface DoubleListeners {
  /** `127.0.0.1:PORT`. */
  readonly address: string;
  /** `http://127.0.0.1:PORT`. */
  readonly httpUrl: string;
  /** Every call that arrived, oldest first. */
  readonly arrived: readonly Arrived[];
  /** Sends the next event to every open stream. */
  nextEvent(): void;
  stop(): Promise<void>;
}

const PROTO = fileURLToPath(new URL("../runtime/doors/macp.proto", import.meta.url));
const METHODS = (
  loadSync(PROTO, { keepCase: true, defaults: true }) as unknown as Readonly<
    Record<string, ServiceDefinition>
  >
)["macp.v1.MACPRuntimeService"] as ServiceDefinition;

/**
 * A runtime double that listens: it checks tokens as the runtime does, once at the beginning of a call, and has the methods that the
 * stories of the guard use. Sessions are numbered events, as in StreamSession over HTTP/JSON.
 */
export async function startDouble(jwksUrl: string, issuer: string): Promise<DoubleListeners> {
  const double = new RuntimeDouble(
    { issuer, audience: "macp-runtime", ttlSeconds: 1, graceSeconds: 3_600, expLeewaySeconds: 60 },
    {
      clock: systemClock,
      stopwatch: systemStopwatch,
      fetch: async () => (await fetch(jwksUrl)).text(),
    },
  );
  const arrived: Arrived[] = [];
  const streams = new Set<(ordinal: number) => void>();
  let events = 0;
  const isKnown = async (authorization: string | undefined): Promise<boolean> =>
    (await double.check(authorization)).kind === "accepted";
  const follow = (after: number, send: (ordinal: number) => void): (() => void) => {
    for (let ordinal = after + 1; ordinal <= events; ordinal += 1) send(ordinal);
    streams.add(send);
    return () => streams.delete(send);
  };
  const world: World = { arrived, isKnown, follow };
  const [grpc, http] = [grpcDoor(world), httpDoor(world)];
  const port = await new Promise<number>((resolve, reject) => {
    grpc.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (fault, bound) =>
      fault === null ? resolve(bound) : reject(fault),
    );
  });
  await once(http.listen(0, "127.0.0.1"), "listening");
  return {
    address: `127.0.0.1:${String(port)}`,
    httpUrl: `http://127.0.0.1:${String((http.address() as AddressInfo).port)}`,
    arrived,
    nextEvent() {
      events += 1;
      for (const send of streams) send(events);
    },
    async stop() {
      grpc.forceShutdown();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

interface World {
  readonly arrived: Arrived[];
  readonly isKnown: (authorization: string | undefined) => Promise<boolean>;
  /** Sends what came after this one, and what comes; gives what ends it. */
  readonly follow: (after: number, send: (ordinal: number) => void) => () => void;
}

function note({ arrived }: World, method: string, metadata: Metadata): string | undefined {
  const names = Object.keys(metadata.getMap());
  arrived.push({ method, headers: new Map(names.map((name) => [name, metadata.get(name).map(String)])) });
  return metadata.get("authorization").map(String)[0];
}

const UNAUTHENTICATED = { code: status.UNAUTHENTICATED, details: "unauthenticated" };

function grpcDoor(world: World): Server {
  const server = new Server();
  const stream = (method: string) => (call: Stream) => {
    void world.isKnown(note(world, method, call.metadata)).then((isKnown) => {
      if (isKnown) watched(world, call);
      else call.emit("error", UNAUTHENTICATED);
    });
  };
  server.addService(METHODS, {
    async ListSessions(call: { readonly metadata: Metadata }, answer: sendUnaryData<object>) {
      const isKnown = await world.isKnown(note(world, "ListSessions", call.metadata));
      answer(isKnown ? null : UNAUTHENTICATED, { sessions: [] });
    },
    WatchSessions: stream("WatchSessions"),
    StreamSession: stream("StreamSession"),
  });
  return server;
}

/** A stream that brings each event until its caller leaves. */
function watched({ follow }: World, call: Stream): void {
  call.sendMetadata(new Metadata());
  const end = follow(0, (ordinal) => {
    call.write({ event: { session: { session_id: String(ordinal) } } });
  });
  call.on("cancelled", end);
  if ("read" in call) call.resume();
}

type Stream = ServerWritableStream<object, object> | ServerDuplexStream<object, object>;

function httpDoor(world: World) {
  return createServer((incoming, outgoing) => {
    void answer(world, incoming, outgoing);
  });
}

async function answer(world: World, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const method = (incoming.url ?? "").split("/").at(-1) ?? "";
  const { headersDistinct, headers } = incoming;
  world.arrived.push({
    method,
    headers: new Map(Object.entries(headersDistinct).map(([name, values = []]) => [name, values])),
  });
  if (!(await world.isKnown(headers.authorization))) {
    outgoing.writeHead(401, { "www-authenticate": "Bearer", "macp-error-code": "UNAUTHENTICATED" }).end("{}");
    return;
  }
  await text(incoming);
  if (method !== "StreamSession") {
    outgoing.writeHead(200, { "content-type": "application/json" }).end('{"sessions":[]}');
    return;
  }
  outgoing.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  outgoing.write(": open\n\n");
  const end = world.follow(Number(headers["last-event-id"] ?? 0), (ordinal) => {
    outgoing.write(`id: ${String(ordinal)}\ndata: {"ordinal":${String(ordinal)}}\n\n`);
  });
  outgoing.on("close", end);
}
