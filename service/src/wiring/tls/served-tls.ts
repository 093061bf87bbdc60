import type { RequestListener, ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import { type Authorities, contextOptions } from "./context-options.ts";
import type { TlsMaterial } from "./judge-tls.ts";

/** The servers that speak TLS, and what they serve: a change is in force in all of them, for new connections, or in none. */
export class ServedTls {
  readonly #servers: Server[] = [];
  #material: TlsMaterial;
  #beside: Authorities = [];

  constructor(material: TlsMaterial) {
    this.#material = material;
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** A certificate of a client that proves nobody ends no handshake: another proof may come with the request. */
  createServer(options: ServerOptions, onRequest: RequestListener): Server {
    const authorities = this.#authorities();
    const server = createServer(
      {
        ...options,
        ...contextOptions(this.#material, authorities),
        requestCert: authorities.length > 0,
        rejectUnauthorized: false,
      },
      onRequest,
    );
    this.#servers.push(server);
    return server;
  }

  /** Serves another certificate, with its authorities. It has gone through a trial. */
  put(material: TlsMaterial): void {
    this.#material = material;
    this.#apply();
  }

  /** Accepts the client certificates of these authorities too. */
  trust(beside: Authorities): void {
    this.#beside = beside;
    this.#apply();
  }

  #authorities(): Authorities {
    return [...this.#material.authorities, ...this.#beside];
  }

  #apply(): void {
    const authorities = this.#authorities();
    const options = contextOptions(this.#material, authorities);
    for (const server of this.#servers) {
      server.setSecureContext(options);
      // Node reads it at each connection, and has no method that sets it.
      Object.assign(server, { requestCert: authorities.length > 0 });
    }
  }
}
