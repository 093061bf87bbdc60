import { isIP, Socket } from "node:net";
import { Duplex } from "node:stream";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { NOT_POSTGRES, TLS_NOT_OFFERED } from "./faults.ts";

/** How a connection is encrypted. */
export interface TlsPlan {
  /** `offered`: encrypted when the server offers TLS, and plain otherwise. */
  readonly want: "never" | "offered" | "always";
  /** Whether the server is asked in PostgreSQL's own way first (`postgres`), or TLS begins at once (`direct`). */
  readonly negotiation: "postgres" | "direct";
  readonly options: ConnectionOptions;
}

/** SSLRequest: length 8, then its code (PostgreSQL's protocol, message formats). */
const SSL_REQUEST = Uint8Array.from([0, 0, 0, 8, 4, 210, 22, 47]);
const YES = 0x53;
const NO = 0x4e;

/**
 * The driver's connection to one host: TCP or a Unix socket, and TLS as libpq does it. The driver knows no "TLS when offered", and
 * gives no code when the server does not offer TLS.
 */
export class Dial extends Duplex {
  readonly #plan: TlsPlan;
  readonly #tcp = new Socket();
  #stream: Socket | undefined;

  constructor(plan: TlsPlan) {
    super();
    this.#plan = plan;
    this.#tcp.on("error", (fault: Error) => this.destroy(fault));
    this.#tcp.on("close", () => this.destroy());
  }

  /** As of a `net.Socket`: the event `connect` says that the driver may speak. */
  connect(portOrPath: number | string, host?: string): this {
    if (typeof portOrPath === "string") {
      this.#tcp.connect(portOrPath, () => {
        this.#use(this.#tcp);
      });
      return this;
    }
    this.#tcp.connect(portOrPath, host ?? "localhost", () => {
      if (this.#plan.want === "never") this.#use(this.#tcp);
      else if (this.#plan.negotiation === "direct") this.#encrypt(host ?? "localhost");
      else this.#askForTls(host ?? "localhost");
    });
    return this;
  }

  setNoDelay(on: boolean): this {
    this.#tcp.setNoDelay(on);
    return this;
  }

  setKeepAlive(on: boolean, afterMs?: number): this {
    this.#tcp.setKeepAlive(on, afterMs);
    return this;
  }

  ref(): this {
    this.#tcp.ref();
    return this;
  }

  unref(): this {
    this.#tcp.unref();
    return this;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (fault?: Error | null) => void): void {
    this.#stream?.write(chunk, done);
  }

  override _final(done: (fault?: Error | null) => void): void {
    if (this.#stream === undefined) done();
    else this.#stream.end(done);
  }

  override _read(): void {
    this.#stream?.resume();
  }

  override _destroy(fault: Error | null, done: (fault: Error | null) => void): void {
    this.#stream?.destroy();
    this.#tcp.destroy();
    done(fault);
  }

  #askForTls(host: string): void {
    this.#tcp.write(SSL_REQUEST);
    this.#tcp.once("data", (answer) => {
      this.#tcp.pause();
      // Exactly one byte: unencrypted bytes after it were injected by an attacker on the network (CVE-2021-23222).
      const [said] = answer;
      if (answer.length === 1 && said === YES) this.#encrypt(host);
      else if (answer.length === 1 && said === NO && this.#plan.want === "offered") this.#use(this.#tcp);
      else this.destroy(coded(answer.length === 1 && said === NO ? TLS_NOT_OFFERED : NOT_POSTGRES));
    });
  }

  #encrypt(host: string): void {
    const direct = this.#plan.negotiation === "direct" ? { ALPNProtocols: ["postgresql"] } : {};
    // An address cannot be sent as a server name (RFC 6066 section 3); it is still checked against the certificate.
    const name = isIP(host) === 0 ? { servername: host } : {};
    const tls = connectTls({ ...this.#plan.options, ...direct, ...name, host, socket: this.#tcp }, () => {
      this.#use(tls);
    });
    tls.on("error", (fault: Error) => this.destroy(fault));
    tls.on("close", () => this.destroy());
    this.#stream = tls;
  }

  #use(stream: Socket): void {
    this.#stream = stream;
    stream.on("data", (chunk: Uint8Array) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.on("end", () => this.push(null));
    // The driver may have asked for data before there was a stream to have it from.
    stream.resume();
    this.emit("connect");
  }
}

function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
