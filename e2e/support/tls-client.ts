import { once } from "node:events";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";

/** What a client of the TLS listener has. */
export interface TlsIdentity {
  /** The authority of the service, PEM. */
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  /** The address of this machine that it sends from. */
  readonly localAddress?: string;
}

export interface TlsAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
  /** The local port of the connection, which tells connections apart. */
  readonly connection: number | undefined;
}

/** A client that keeps one connection, and makes another one only when that has ended. */
export class TlsClient {
  readonly #agent: Agent;
  readonly #port: number;

  constructor(port: number, identity: TlsIdentity) {
    this.#port = port;
    this.#agent = new Agent({ ...identity, keepAlive: true, maxSockets: 1, servername: "localhost" });
  }

  async mint(sender: string, headers: Readonly<Record<string, string>> = {}): Promise<TlsAnswer> {
    return this.post("/tokens", JSON.stringify({ sender }), headers);
  }

  async post(path: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<TlsAnswer> {
    return this.ask("POST", path, { "content-type": "application/json", ...headers }, body);
  }

  async ask(
    method: string,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    body?: string,
  ): Promise<TlsAnswer> {
    const outgoing = request({
      port: this.#port,
      host: "127.0.0.1",
      path,
      method,
      headers,
      agent: this.#agent,
    });
    outgoing.end(body);
    const [incoming] = (await once(outgoing, "response")) as [import("node:http").IncomingMessage];
    const connection = incoming.socket.localPort;
    return {
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      body: await text(incoming),
      connection,
    };
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** One connection, whose handshake is complete. */
export async function tlsConnection(
  port: number,
  options: ConnectionOptions & Pick<TlsIdentity, "localAddress">,
): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ...options });
  await once(socket, "secureConnect");
  return socket;
}

/** The whole answer to a request that closes its connection. */
export async function answerOver(socket: TLSSocket, requestText: string): Promise<string> {
  socket.write(requestText);
  return text(socket);
}
