import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";

/** A server on loopback that does what its script says with each connection, and counts them. */
export interface EvilServer {
  readonly port: number;
  /** How many connections were made, also those whose handshake failed. */
  connections(): number;
  /** How many of them are open. */
  open(): number;
  /** Bytes that went out to all connections that are over. */
  bytesSent(): number;
  close(): void;
}

/** What happens to a connection, after the handshake where there is one. */
export type Script = (socket: Socket) => void;

/** Listens without TLS. */
export function evilServer(script: Script): Promise<EvilServer> {
  return listening(createServer(safely(script)));
}

/** Listens with TLS. */
export function evilTlsServer(options: TlsOptions, script: (socket: TLSSocket) => void): Promise<EvilServer> {
  return listening(createTlsServer(options, safely(script)));
}

/** Answers the first bytes of a request, whatever they are, with these. */
export function answering(...parts: readonly string[]): Script {
  return (socket) => {
    socket.once("data", () => {
      for (const part of parts) socket.write(part);
    });
  };
}

/** A whole reply with a JSON body. */
export function jsonReply(body: string, ...headers: readonly string[]): string {
  const lines = [
    "HTTP/1.1 200 OK",
    "content-type: application/json",
    `content-length: ${body.length}`,
    ...headers,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Answers by a head, and then by bytes that never end, as fast as the other side reads them. */
export function endlessly(head: string, bytes: Buffer): Script {
  return (socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(bytes));
    };
    socket.on("drain", more);
    socket.once("data", () => {
      socket.write(head);
      more();
    });
  };
}

/** Answers one byte each tenth of a second. */
export function slowly(text: string): Script {
  return (socket) => {
    let sent = 0;
    const timer = setInterval(() => {
      socket.write(text.charAt(sent));
      sent += 1;
    }, 100);
    socket.once("close", () => {
      clearInterval(timer);
    });
  };
}

function safely<S extends Socket>(script: (socket: S) => void): (socket: S) => void {
  return (socket) => {
    socket.on("error", () => undefined);
    script(socket);
  };
}

async function listening(server: Server): Promise<EvilServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let bytesSent = 0;
  server.on("connection", (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      bytesSent += socket.bytesWritten;
      sockets.delete(socket);
    });
  });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    open: () => sockets.size,
    bytesSent: () => bytesSent,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
