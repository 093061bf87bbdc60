import { fileURLToPath } from "node:url";
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const SERVICE = "macp.v1.MACPRuntimeService";
const DEADLINE_MS = 10_000;

/** The runtime's methods, as the library reads them from `macp.proto`. */
const methods = loadSync(fileURLToPath(new URL("macp.proto", import.meta.url)), {
  keepCase: true,
  defaults: true,
})[SERVICE] as unknown as Readonly<Record<string, MethodDefinition<object, object>>>;

/** How a call ended: `OK`, or the name of its gRPC status. */
export interface Reply<Message> {
  readonly status: string;
  readonly message: Message | undefined;
}

interface Acknowledged {
  readonly ack: { readonly ok: boolean; readonly error: { readonly code: string } | null };
}

export interface Envelope {
  readonly mode?: string;
  readonly message_type: string;
  readonly session_id?: string;
  readonly sender?: string;
  readonly payload?: object;
}

/** A stream that a token opened, or was not let open. */
export interface RuntimeStream {
  /** The result of the opening: `OK`, or the name of the error. */
  readonly opened: Promise<string>;
  /** What came, oldest first. */
  readonly messages: readonly object[];
  /** How it ended; `undefined` while it is open. */
  ended(): string | undefined;
  close(): void;
}

/** One call of a runtime, at whichever door. */
export interface RuntimeCalls {
  /** One call with this bearer token; without one when it is `undefined`. */
  call<Message>(method: string, token: string | undefined, request?: object): Promise<Reply<Message>>;
  /** Opens a stream; ends with the client. */
  stream(method: string, token: string | undefined, request?: object): RuntimeStream;
  close(): void;
}

/** An agent's side of a connection to a runtime. */
export interface RuntimeClient extends RuntimeCalls {
  /** What `ListSessions` answers to this token: `OK` or `UNAUTHENTICATED`. */
  verdict(token: string | undefined): Promise<string>;
  /**
   * What `Send` acknowledges: `ok`, or the code of the error. Over gRPC a token is rejected inside an OK reply, over HTTP/JSON with
   * 401.
   */
  send(token: string | undefined, envelope: Envelope): Promise<string>;
  /** Opens `WatchSessions`; ends with the client. */
  watchSessions(token: string): SessionWatch;
}

export interface SessionWatch extends RuntimeStream {
  /** The sessions that it reported. */
  readonly ids: () => readonly string[];
}

/** What agents do, out of a door's calls. */
export function clientOf(calls: RuntimeCalls): RuntimeClient {
  return {
    ...calls,
    verdict: async (token) => (await calls.call("ListSessions", token)).status,
    async send(token, envelope) {
      const message_id = crypto.randomUUID();
      const reply = await calls.call<Acknowledged>("Send", token, {
        envelope: { macp_version: "1.0", message_id, ...envelope },
      });
      if (reply.message === undefined) return reply.status;
      const { ok, error } = reply.message.ack;
      return ok ? "ok" : (error?.code ?? "rejected without a code");
    },
    watchSessions(token) {
      const watch = calls.stream("WatchSessions", token);
      const ids = (): readonly string[] =>
        watch.messages.map((message) => (message as SessionSeen).event.session.session_id);
      return { ...watch, ids };
    },
  };
}

interface SessionSeen {
  readonly event: { readonly session: { readonly session_id: string } };
}

/** The gRPC door: the same library as the TypeScript SDK. */
export function runtimeClient(address: string): RuntimeClient {
  const client = new Client(address, credentials.createInsecure());
  return clientOf({
    call: (name, token, request = {}) => unary(client, name, token, request),
    stream: (name, token, request = {}) => grpcStream(client, name, token, request),
    close: () => client.close(),
  });
}

function unary<Message>(
  client: Client,
  name: string,
  token: string | undefined,
  request: object,
): Promise<Reply<Message>> {
  return new Promise((resolve) => {
    const { path, requestSerialize, responseDeserialize } = methodNamed(name);
    const options = { deadline: Date.now() + DEADLINE_MS };
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      bearing(token),
      options,
      (fault, message) => {
        resolve({ status: fault === null ? "OK" : nameOf(fault), message: message as Message | undefined });
      },
    );
  });
}

function grpcStream(client: Client, name: string, token: string | undefined, request: object): RuntimeStream {
  const { path, requestStream, requestSerialize, responseDeserialize } = methodNamed(name);
  const messages: object[] = [];
  let end: string | undefined;
  const open = (): ClientReadableStream<object> => {
    if (!requestStream)
      return client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        bearing(token),
      );
    const both = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, bearing(token));
    both.write(request);
    return both;
  };
  const stream = open();
  const opened = new Promise<string>((resolve) => {
    stream.once("metadata", () => setImmediate(() => resolve(end ?? "OK")));
    stream.on("error", (fault: ServiceError) => {
      end = nameOf(fault);
      resolve(end);
    });
  });
  stream.on("data", (message: object) => messages.push(message));
  stream.on("end", () => {
    end ??= "OK";
  });
  return { opened, messages, ended: () => end, close: () => stream.cancel() };
}

function methodNamed(name: string): MethodDefinition<object, object> {
  const method = methods[name];
  if (method === undefined) throw new Error(`macp.proto has no method ${name}`);
  return method;
}

function bearing(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
  return metadata;
}

function nameOf(fault: ServiceError): string {
  return status[fault.code];
}
