import type { RequestListener, ServerOptions } from "node:http";
import { createServer, type Server } from "node:https";
import { asksForCertificates, type ClientTrust, contextOptions } from "./context-options.ts";
import type { TlsMaterial } from "./judge-tls.ts";

/** The servers that speak TLS, and what they serve: a change is in force in all of them, for new connections, or in none. */
export class ServedTls {
  readonly #servers: Server[] = [];
  #material: TlsMaterial;
  #beside: ClientTrust = { cas: [], crls: [] };

  constructor(material: TlsMaterial) {
    this.#material = material;
  }

  get material(): TlsMaterial {
    return this.#material;
  }

  /** A certificate of a client that proves nobody ends no handshake: another proof may come with the request. */
  createServer(options: ServerOptions, onRequest: RequestListener): Server {
    const trust = this.#trusted();
    const server = createServer(
      {
        ...options,
        ...contextOptions(this.#material, trust),
        requestCert: asksForCertificates(trust),
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

  /** Accepts the client certificates of these authorities too. Throws for PEM that OpenSSL does not accept, and then nothing changes. */
  trust(beside: ClientTrust): void {
    const before = this.#beside;
    this.#beside = beside;
    try {
      this.#apply();
    } catch (thrown) {
      this.#beside = before;
      this.#apply();
      throw thrown;
    }
  }

  #trusted(): ClientTrust {
    const { trust } = this.#material;
    return {
      cas: [...trust.cas, ...this.#beside.cas],
      crls: [...trust.crls, ...this.#beside.crls],
    };
  }

  #apply(): void {
    const trust = this.#trusted();
    const options = contextOptions(this.#material, trust);
    for (const server of this.#servers) {
      server.setSecureContext(options);
      // Node reads it at each connection, and has no method that sets it.
      Object.assign(server, { requestCert: asksForCertificates(trust) });
    }
  }
}
