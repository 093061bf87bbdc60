import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { connectionsToClose } from "./limits/make-room.ts";

/** So many requests of all connections together may wait behind another one of their connection: each takes some kilobytes. */
const PIPELINED_MAX = 2_048;
/** How long a connection must be quiet before the shutdown closes it. */
const QUIET_SECONDS = 1;
/** How many are closed at once to make room, at most: the look at all of them is then not made for each new one. */
const CLOSED_AT_ONCE = 16;
/** And at most this share of those that could be. */
const CLOSED_SHARE = 1 / 8;

interface Entry {
  /** By what connections of one client are counted; `undefined`: it stands alone. */
  address: string | undefined;
  /** The responses that it owes or owed last: those already given are dropped at the next look. */
  readonly owed: ServerResponse[];
  /** How many of them are counted as sent before the one before was answered. */
  pipelined: number;
  /** Its place in the order of what connections begin: its opening, or its last request. */
  activeAt: number;
  hasAsked: boolean;
}

/** The connections of one server, the answers that each of them owes, and how they end at a shutdown. */
export class Connections {
  readonly #open = new Map<Socket, Entry>();
  /** The TCP connections whose TLS handshake is under way, by their two ends: the TLS socket that follows has the same. */
  readonly #handshakes = new Map<string, Socket>();
  readonly #quiet = new WeakMap<Socket, { readonly bytesRead: number; readonly since: number }>();
  /** How many there are by address, counted where there may be a limit. */
  readonly #byAddress = new Map<string, number>();
  #accepted = 0;
  /** How many requests wait behind another one of their connection, and those that did at the last look. */
  #pipelined = 0;
  /** Grows with everything that a connection begins. */
  #begun = 0;
  #isEnding = false;

  /** How many connections were accepted since the start. */
  get accepted(): number {
    return this.#accepted;
  }

  /** A connection on which HTTP is spoken, of a client that is counted by this address. */
  add(socket: Socket, address: string | undefined): void {
    this.#accepted += 1;
    this.#track(socket, address);
  }

  /** The client of a connection is counted by this address, as a declared proxy has announced. */
  announce(socket: Socket, address: string): void {
    const entry = this.#open.get(socket);
    if (entry !== undefined) entry.address = address;
  }

  /** A request on a connection, and the response that is owed for it. */
  addRequest(socket: Socket, response: ServerResponse): void {
    const entry = this.#open.get(socket);
    if (entry === undefined) return;
    entry.owed.push(response);
    this.#count(entry);
    entry.activeAt = this.#next();
    entry.hasAsked = true;
  }

  /** Whether no further request may wait behind another one of its connection. */
  arePipelinedTooMany(): boolean {
    if (this.#pipelined < PIPELINED_MAX) return false;
    // Some were answered since their connection was looked at.
    for (const [socket, entry] of this.#open) if (entry.pipelined > 0) this.owedBy(socket);
    return this.#pipelined >= PIPELINED_MAX;
  }

  #count(entry: Entry): void {
    const pipelined = Math.max(0, entry.owed.length - 1);
    this.#pipelined += pipelined - entry.pipelined;
    entry.pipelined = pipelined;
  }

  /**
   * Counts an accepted connection by its address until it closes; how many of that address there are, with this one. An address is
   * counted as long as it has one.
   */
  countAddress(address: string, socket: Socket): number {
    const count = (this.#byAddress.get(address) ?? 0) + 1;
    this.#byAddress.set(address, count);
    socket.once("close", () => {
      const left = (this.#byAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#byAddress.set(address, left);
      else this.#byAddress.delete(address);
    });
    return count;
  }

  /** A TCP connection on which a TLS handshake begins. */
  addHandshake(socket: Socket, address: string | undefined): void {
    this.add(socket, address);
    const ends = endsOf(socket);
    this.#handshakes.set(ends, socket);
    socket.once("close", () => {
      if (this.#handshakes.get(ends) === socket) this.#handshakes.delete(ends);
    });
  }

  /**
   * The TLS connection on which HTTP is spoken: it takes the place of the TCP connection below it, which never brings a request.
   * Gives that one; `undefined` when it has ended already.
   */
  addSecured(secured: Socket): Socket | undefined {
    const ends = endsOf(secured);
    const below = this.#handshakes.get(ends);
    const address = below && this.#open.get(below)?.address;
    if (below !== undefined) this.#open.delete(below);
    this.#handshakes.delete(ends);
    this.#track(secured, address);
    return below;
  }

  /** Whether this socket carries HTTP or a handshake. */
  has(socket: Socket): boolean {
    return this.#open.has(socket);
  }

  #track(socket: Socket, address: string | undefined): void {
    const entry = { address, owed: [], pipelined: 0, activeAt: this.#next(), hasAsked: false };
    this.#open.set(socket, entry);
    socket.once("close", () => {
      this.#open.delete(socket);
      this.#pipelined -= entry.pipelined;
    });
  }

  #next(): number {
    this.#begun += 1;
    return this.#begun;
  }

  /**
   * Which connections are closed so that no more than `max` are open: of those that wait for their clients, as `connectionsToClose`
   * says, and a few more than necessary. The one that was just opened is among them when all others have an answer to come.
   */
  toMakeRoom(max: number): readonly Socket[] {
    if (this.#open.size <= max) return [];
    const open = [...this.#open].filter(([socket]) => !socket.destroyed);
    const excess = open.length - max;
    if (excess <= 0) return [];
    const waiting = open
      .filter(([socket]) => this.owedBy(socket).every(({ req }) => !req.complete))
      .map(([connection, { address, activeAt, hasAsked }]) => ({ connection, address, activeAt, hasAsked }));
    const spare = Math.min(CLOSED_AT_ONCE, Math.floor(waiting.length * CLOSED_SHARE));
    return connectionsToClose(waiting, Math.max(excess, spare));
  }

  /**
   * The responses that a connection still owes, in the order of their requests, and at the end maybe one that was given before
   * its request had arrived whole.
   */
  owedBy(socket: Socket): ServerResponse[] {
    const entry = this.#open.get(socket);
    if (entry === undefined) return [];
    // They are given in this order too (RFC 9112 section 9.3.2).
    while (entry.owed[0]?.closed === true && entry.owed[0].req.complete) entry.owed.shift();
    if (entry.pipelined > 0) this.#count(entry);
    return entry.owed;
  }

  /** Whether from now on the last answer that a connection owes carries `Connection: close` (RFC 9112 section 9.6) and ends it. */
  endAfterAnswers(isEnding: boolean): void {
    this.#isEnding = isEnding;
  }

  /** Marks a response that is about to be sent as the last one of its connection, where it is that. */
  prepare(outgoing: ServerResponse): void {
    if (this.#isEnding && this.owedBy(outgoing.req.socket).at(-1) === outgoing)
      outgoing.shouldKeepAlive = false;
  }

  /**
   * One check during a shutdown, at `nowSeconds` of a stopwatch: closes each connection that has had no pending answer and received
   * no byte for a second. A request that is on its way when the shutdown begins thus still arrives and is answered, and its client
   * learns that the connection ends; a connection that brings the first bytes of a request is not quiet.
   */
  closeQuiet(nowSeconds: number): void {
    for (const socket of this.#open.keys()) {
      const { bytesRead } = socket;
      const before = this.#quiet.get(socket);
      const isQuiet = this.owedBy(socket).length === 0 && before?.bytesRead === bytesRead;
      const since = isQuiet ? before.since : nowSeconds;
      this.#quiet.set(socket, { bytesRead, since });
      if (nowSeconds - since >= QUIET_SECONDS) socket.destroySoon();
    }
  }
}

/** The two ends of a connection, which no other open connection has. */
function endsOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(" ");
}
