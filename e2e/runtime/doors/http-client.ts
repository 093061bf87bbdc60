import {
  clientOf,
  type Envelope,
  type Reply,
  type RuntimeClient,
  type RuntimeStream,
} from "./runtime-client.ts";

const DEADLINE_MS = 10_000;
/** The names that gRPC has for what HTTP/JSON says with a code of the protocol; the stories use gRPC's at both doors. */
const GRPC_NAMES: Readonly<Record<string, string>> = { FORBIDDEN: "PERMISSION_DENIED" };

/** One server-sent event. */
export interface ServerSentEvent {
  /** The ordinal to resume after; watches have none. */
  readonly id: string | undefined;
  readonly data: object;
}

/** A stream whose events can be resumed. */
export interface EventStream extends RuntimeStream {
  readonly events: readonly ServerSentEvent[];
}

/** Sends one method's request to the HTTP/JSON door, with nothing in its headers but what is given here. */
export function post(
  url: string,
  method: string,
  { headers = {}, body = "{}", signal }: { headers?: object; body?: string; signal?: AbortSignal } = {},
): Promise<Response> {
  return fetch(`${url}/macp/v1/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body,
    signal: signal ?? AbortSignal.timeout(DEADLINE_MS),
  });
}

/** The HTTP/JSON door. */
export function httpClient(url: string): RuntimeClient {
  const streams = new Set<EventStream>();
  return clientOf({
    call: (method, token, request = {}) => call(url, method, token, request),
    stream(method, token, request = {}) {
      const stream = eventStream(url, method, bearing(token), request);
      streams.add(stream);
      return stream;
    },
    close() {
      for (const stream of streams) stream.close();
    },
  });
}

async function call<Message>(
  url: string,
  method: string,
  token: string | undefined,
  request: object,
): Promise<Reply<Message>> {
  const body = JSON.stringify(
    "envelope" in request ? { envelope: asJson(request.envelope as Envelope) } : request,
  );
  const answer = await post(url, method, { headers: bearing(token), body });
  const status = statusOf(answer);
  const message = (await answer.json().catch(() => undefined)) as Message | undefined;
  return { status, message: status === "OK" ? message : undefined };
}

/** Opens a stream of server-sent events. `headers` hold the token, and `last-event-id` when the stream is resumed. */
export function eventStream(url: string, method: string, headers: object, request: object): EventStream {
  const events: ServerSentEvent[] = [];
  const messages: object[] = [];
  const abort = new AbortController();
  let end: string | undefined;
  const answer = post(url, method, {
    headers: { accept: "text/event-stream", ...headers },
    body: JSON.stringify(request),
    signal: abort.signal,
  });
  const opened = answer.then(statusOf, () => "no answer");
  const read = async (): Promise<void> => {
    const { ok, body } = await answer;
    if (!ok || body === null) return;
    for await (const event of eventsIn(body)) {
      events.push(event);
      messages.push(event.data);
    }
  };
  void read().then(
    async () => {
      end = await opened;
    },
    (thrown: unknown) => {
      end = String(thrown);
    },
  );
  return { opened, events, messages, ended: () => end, close: () => abort.abort() };
}

async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  let text = "";
  for await (const piece of body.pipeThrough(new TextDecoderStream())) {
    const parts = `${text}${piece}`.split("\n\n");
    text = parts.pop() ?? "";
    for (const part of parts) {
      const fields = new Map(part.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]));
      const data = fields.get("data");
      if (data !== undefined) yield { id: fields.get("id"), data: JSON.parse(data) as object };
    }
  }
}

function statusOf(answer: Response): string {
  if (answer.ok) return "OK";
  const code = answer.headers.get("macp-error-code") ?? `HTTP ${String(answer.status)}`;
  return GRPC_NAMES[code] ?? code;
}

function bearing(token: string | undefined): object {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** In JSON an envelope has a payload always, and it has the names of its own message where macp.proto gets along with one for both. */
function asJson({ payload = {}, ...envelope }: Envelope): object {
  if (!("name" in payload)) return { ...envelope, payload };
  const { name, ...others } = payload;
  const own = envelope.message_type === "Signal" ? "signal_type" : "intent";
  return { ...envelope, payload: { [own]: name, ...others } };
}
