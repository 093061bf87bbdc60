import type { Socket } from "node:net";
import type { Delay, Timers } from "../../kernel/timers.ts";
import { type ProxyHeaderFault, readProxyHeader } from "./proxy-header.ts";

/** The clients' addresses that declared proxies send ahead of their connections. */
export class AnnouncedClients {
  readonly #addresses = new WeakMap<object, string>();

  /** In its one form; `undefined`: the connection is the client's own, or one that its proxy makes for itself. */
  of(socket: object): string | undefined {
    return this.#addresses.get(socket);
  }

  /** Notes what the header of a connection said. */
  announce(socket: object, address: string): void {
    this.#addresses.set(socket, address);
  }

  /** A TLS connection has the client of the TCP connection below it. */
  secured(below: object, socket: object): void {
    const address = this.#addresses.get(below);
    if (address !== undefined) this.#addresses.set(socket, address);
  }
}

/** Why a connection of a declared proxy must be closed. */
type NotAnnounced = ProxyHeaderFault | "header_timeout" | "header_cut_off";

/** What the header of a connection said. */
export type HeaderRead =
  | { readonly kind: "announced"; readonly address: string }
  | { readonly kind: "local" }
  | { readonly kind: "faulty"; readonly fault: NotAnnounced };

/**
 * Reads the header of a connection of a declared proxy, for `milliseconds` at most, and calls `then` once. What follows the header
 * is in the socket again, as if nothing had been read.
 */
export function readHeaderOf(
  socket: Socket,
  timers: Pick<Timers, "delay">,
  milliseconds: number,
  then: (read: HeaderRead) => void,
): void {
  const patience: Delay = timers.delay(milliseconds);
  let bytes = Buffer.alloc(0);
  const finish = (read: HeaderRead): void => {
    patience.cancel();
    socket.off("readable", look).off("end", cutOff).off("error", cutOff).off("close", cutOff);
    then(read);
  };
  const cutOff = (): void => {
    finish({ kind: "faulty", fault: "header_cut_off" });
  };
  const look = (): void => {
    const piece = socket.read() as Buffer | null;
    if (piece === null) return;
    bytes = Buffer.concat([bytes, piece]);
    const header = readProxyHeader(bytes);
    if (header.kind === "incomplete") return;
    if (header.kind !== "faulty" && header.bytes < bytes.length) socket.unshift(bytes.subarray(header.bytes));
    finish(header);
  };
  socket.on("readable", look).on("end", cutOff).on("error", cutOff).on("close", cutOff);
  void patience.over.then(() => {
    finish({ kind: "faulty", fault: "header_timeout" });
  });
}
