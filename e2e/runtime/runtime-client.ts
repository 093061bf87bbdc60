import { fileURLToPath } from "node:url";
import {
  Client,
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

/** An agent's side of a gRPC connection to a runtime: the same library as the TypeScript SDK. */
export interface RuntimeClient {
  /** One call with this bearer token; without one when it is `undefined`. */
  call<Message>(method: string, token: string | undefined, request?: object): Promise<Reply<Message>>;
  /** What `ListSessions` answers to this token: `OK` or `UNAUTHENTICATED`. */
  verdict(token: string | undefined): Promise<string>;
  /** What `Send` acknowledges: `ok`, or the code of the refusal inside of the reply. */
  send(token: string, envelope: Envelope): Promise<string>;
  /** Opens `WatchSessions` and gives the ids that it tells of; ends with the client. */
  watchSessions(token: string): { readonly ids: readonly string[]; readonly ended: () => string | undefined };
  close(): void;
}

export function runtimeClient(address: string): RuntimeClient {
  const client = new Client(address, credentials.createInsecure());
  const call = <Message>(
    name: string,
    token: string | undefined,
    request: object = {},
  ): Promise<Reply<Message>> =>
    new Promise((resolve) => {
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
  return {
    call,
    verdict: async (token) => (await call("ListSessions", token)).status,
    async send(token, envelope) {
      const message_id = crypto.randomUUID();
      const reply = await call<Acknowledged>("Send", token, {
        envelope: { macp_version: "1.0", message_id, ...envelope },
      });
      if (reply.message === undefined) return reply.status;
      const { ok, error } = reply.message.ack;
      return ok ? "ok" : (error?.code ?? "refused without a code");
    },
    watchSessions(token) {
      const { path, requestSerialize, responseDeserialize } = methodNamed("WatchSessions");
      const ids: string[] = [];
      let end: string | undefined;
      const stream = client.makeServerStreamRequest(
        path,
        requestSerialize,
        responseDeserialize,
        {},
        bearing(token),
      );
      stream.on("data", ({ event }: { event: { session: { session_id: string } } }) =>
        ids.push(event.session.session_id),
      );
      stream.on("error", (fault: ServiceError) => {
        end = nameOf(fault);
      });
      stream.on("end", () => {
        end ??= "OK";
      });
      return { ids, ended: () => end };
    },
    close: () => client.close(),
  };
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
