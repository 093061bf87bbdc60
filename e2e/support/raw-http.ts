import { Agent, type AgentOptions, request as requestPlainly } from "node:http";
import { request as requestSecurely, Agent as SecureAgent } from "node:https";
import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { IS_OVER_TLS } from "./over-tls.ts";

const ANSWER_MS_MAX = 10_000;

/** One response, its header names in lower case, its body out of any transfer coding. */
export interface WireResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
  readonly host?: string;
}

/** The address of a path, for `fetch`. */
export function urlOf(port: number, path: string): string {
  return `${IS_OVER_TLS ? "https" : "http"}://127.0.0.1:${String(port)}${path}`;
}

/** An agent for `ask`. */
export function agentFor(options: AgentOptions): Agent {
  return IS_OVER_TLS ? new SecureAgent(options) : new Agent(options);
}

/** An ordinary request over `node:http`, or over `node:https` in the project `e2e-tls`, which adds Host, Connection and the length of the body, nothing else. */
export function ask(
  port: number,
  { method = "GET", path = "/", headers = {}, body, agent, host }: Ask,
): Promise<WireResponse> {
  return new Promise((resolve, reject) => {
    const request = IS_OVER_TLS ? requestSecurely : requestPlainly;
    const out = request({
      host: host ?? "127.0.0.1",
      ...(IS_OVER_TLS && { rejectUnauthorized: false }),
      port,
      method,
      path,
      headers: { ...framingOf(headers, body), ...headers } as Record<string, string | string[]>,
      agent: agent ?? false,
    });
    out.on("error", reject);
    out.setTimeout(ANSWER_MS_MAX, () =>
      out.destroy(new Error(`no answer to ${method} ${path} in ten seconds`)),
    );
    out.on("response", (incoming) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.on("error", reject);
      incoming.on("end", () => {
        resolve(wireResponse(incoming.statusCode ?? 0, incoming.rawHeaders, Buffer.concat(pieces)));
      });
    });
    out.end(body);
  });
}

/** Node frames the body of a POST by itself, and leaves that of a GET or DELETE without any length. */
function framingOf(headers: Ask["headers"], body: Ask["body"]): Record<string, string> {
  if (body === undefined || headers?.["transfer-encoding"] !== undefined) return {};
  return { "content-length": String(Buffer.byteLength(body)) };
}

/** POST /tokens: text and bytes are sent as they are, anything else as JSON. */
export function postTokens(
  port: number,
  body: unknown,
  headers: Ask["headers"] = {},
  agent?: Agent,
): Promise<WireResponse> {
  const sent = typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body);
  return ask(port, {
    method: "POST",
    path: "/tokens",
    headers: { "content-type": "application/json", ...headers },
    body: sent,
    ...(agent === undefined ? {} : { agent }),
  });
}

/** Sends exactly these bytes on a connection of their own and gives the first response to them. */
export async function sendRaw(
  port: number,
  bytes: string | Uint8Array,
  bodiless = false,
): Promise<WireResponse | undefined> {
  const connection = await RawConnection.open(port);
  try {
    connection.send(bytes);
    return await connection.response({ bodiless });
  } finally {
    connection.destroy();
  }
}

const OPENED_AT_ONCE = 250;

/** A connection that sends exactly the bytes it is given and takes responses apart by itself. */
export class RawConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (piece) => {
      this.#received = this.#received.length === 0 ? piece : Buffer.concat([this.#received, piece]);
      this.#wake();
    });
    const end = () => {
      this.#ended = true;
      this.#wake();
    };
    socket.on("end", end);
    socket.on("close", end);
    socket.on("error", end);
  }

  static open(port: number, host = "127.0.0.1", localAddress?: string): Promise<RawConnection> {
    return IS_OVER_TLS
      ? RawConnection.openSecurely(port, host)
      : RawConnection.openPlainly(port, host, localAddress);
  }

  /**
   * As many at once. The kernel queues 511 that wait to be accepted: what it cannot queue looks open to a client, and the server does not
   * count it yet. So they are opened a part after the other.
   */
  static async openMany(
    port: number,
    count: number,
    openOne: (port: number) => Promise<RawConnection> = (at) => RawConnection.open(at),
  ): Promise<RawConnection[]> {
    const opened: RawConnection[] = [];
    while (opened.length < count) {
      const part = Math.min(OPENED_AT_ONCE, count - opened.length);
      opened.push(...(await Promise.all(Array.from({ length: part }, () => openOne(port)))));
    }
    return opened;
  }

  static openPlainly(port: number, host = "127.0.0.1", localAddress?: string): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host, ...(localAddress !== undefined && { localAddress }) });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  /** The same over TLS, without a look at the server's certificate. */
  static openSecurely(port: number, host = "127.0.0.1"): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connectSecurely({ port, host, rejectUnauthorized: false });
      socket.once("error", reject);
      socket.once("secureConnect", () => {
        socket.off("error", reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  /** Text is sent one byte a character. */
  send(bytes: string | Uint8Array): void {
    if (this.#socket.writable)
      this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** Ends the sending side, and still reads. */
  finish(): void {
    this.#socket.end();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The next response; undefined when the connection ended without one. `bodiless` for answers to HEAD. */
  async response({ bodiless = false, msMax = ANSWER_MS_MAX } = {}): Promise<WireResponse | undefined> {
    for (const deadline = performance.now() + msMax; ; ) {
      const parsed = parseResponse(this.#received, bodiless, this.#ended);
      if (parsed !== undefined) {
        this.#received = parsed.rest;
        if (parsed.response.status < 200) continue;
        return parsed.response;
      }
      if (this.#ended) return undefined;
      if (performance.now() >= deadline) throw new Error(`no whole response came in ${String(msMax)} ms`);
      await this.#change(deadline);
    }
  }

  /** Every response until the service closes the connection. */
  async responsesToEnd(msMax = ANSWER_MS_MAX): Promise<WireResponse[]> {
    const all: WireResponse[] = [];
    for (let next = await this.response({ msMax }); next !== undefined; next = await this.response({ msMax }))
      all.push(next);
    return all;
  }

  /** Milliseconds until the service closed the connection; rejects when it is still open after `msMax`. */
  async msUntilEnd(msMax: number): Promise<number> {
    const start = performance.now();
    while (!this.#ended) {
      if (performance.now() - start >= msMax)
        throw new Error(`the connection is still open after ${String(msMax)} ms`);
      await this.#change(start + msMax);
    }
    return performance.now() - start;
  }

  /** What has arrived and was not read as a response. */
  get unread(): Buffer {
    return this.#received;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #change(deadline: number): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, Math.max(1, deadline - performance.now()));
      this.#wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}

function wireResponse(status: number, rawHeaders: readonly string[], body: Buffer): WireResponse {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    const before = headers.get(name);
    headers.set(
      name,
      before === undefined ? (rawHeaders[i + 1] ?? "") : `${before}, ${rawHeaders[i + 1] ?? ""}`,
    );
  }
  return { status, headers, body, text: body.toString("utf8") };
}

interface Parsed {
  readonly response: WireResponse;
  readonly rest: Buffer;
}

/** One response off the front of the bytes (RFC 9112 section 6.3); undefined while it is not all there. */
function parseResponse(bytes: Buffer, bodiless: boolean, ended: boolean): Parsed | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...fields] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`not a status line: ${statusLine}`);
  const rawHeaders = fields.flatMap((field) => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon), field.slice(colon + 1).trim()];
  });
  const head = wireResponse(status, rawHeaders, Buffer.alloc(0));
  const after = bytes.subarray(headEnd + 4);
  if (bodiless || status < 200 || status === 204 || status === 304) return { response: head, rest: after };
  const framed = bodyOf(head.headers, after, ended);
  if (framed === undefined) return undefined;
  return { response: wireResponse(status, rawHeaders, framed.body), rest: framed.rest };
}

function bodyOf(
  headers: ReadonlyMap<string, string>,
  after: Buffer,
  ended: boolean,
): { body: Buffer; rest: Buffer } | undefined {
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") return unchunk(after);
  const length = headers.get("content-length");
  if (length !== undefined) {
    if (after.length < Number(length)) return undefined;
    return { body: after.subarray(0, Number(length)), rest: after.subarray(Number(length)) };
  }
  return ended ? { body: after, rest: Buffer.alloc(0) } : undefined;
}

function unchunk(bytes: Buffer): { body: Buffer; rest: Buffer } | undefined {
  const pieces: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (Number.isNaN(size)) throw new Error("a chunk has no size");
    if (bytes.length < next) return undefined;
    if (size === 0) return { body: Buffer.concat(pieces), rest: bytes.subarray(next) };
    pieces.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}
