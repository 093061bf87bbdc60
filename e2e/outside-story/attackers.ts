import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { connect as connectSecurely } from "node:tls";
import type { Ask } from "./honest.ts";

/** One that goes on until it is stopped. */
export interface Attack<Result> {
  stop(): Promise<Result>;
}

/** What one that asks without a pause got. */
export type Got = Readonly<Record<string, number>>;

/** Asks with so many connections, each time at once after the answer. `count` gets the status of each. */
export function askWithoutPause(
  asks: readonly Ask[],
  pauseMs: number,
  count: (status: string) => void,
): Attack<Got> {
  let isOver = false;
  const got: Record<string, number> = {};
  const running = asks.map(async (ask) => {
    while (!isOver) {
      const [status = ""] = (await ask()).split(" ");
      got[status] = (got[status] ?? 0) + 1;
      count(status);
      await pause(pauseMs);
    }
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(running);
      return got;
    },
  };
}

/** What became of connections that are never finished. */
export interface Held {
  readonly opened: number;
  /** By the service, while the attack went on and in the time that is given after it. */
  readonly ended: number;
  /** How long one of them lasted at most. */
  readonly longestMs: number;
}

const DRIP_MS = 500;
const AGAIN_MS = 500;
/** The beginning of a handshake, of which the rest never comes. */
const HALF_HELLO = Buffer.from("160301020001", "hex");

/**
 * Holds connections open from one address: one half of them begins a handshake, the other half a request whose headers drip, and
 * neither ends. Each that is ended is made again.
 */
export function holdOpen(port: number, localAddress: string, connections: number): Attack<Held> {
  let isOver = false;
  let [opened, ended, longestMs] = [0, 0, 0];
  const hold = async (isHandshake: boolean): Promise<void> => {
    while (!isOver) {
      const begun = performance.now();
      opened += 1;
      await untilEnded(port, localAddress, isHandshake);
      ended += 1;
      longestMs = Math.max(longestMs, performance.now() - begun);
      await pause(AGAIN_MS);
    }
  };
  const running = Array.from({ length: connections }, (_, index) => hold(index % 2 === 0));
  return {
    async stop() {
      isOver = true;
      await Promise.all(running);
      return { opened, ended, longestMs: Math.round(longestMs) };
    },
  };
}

function untilEnded(port: number, localAddress: string, isHandshake: boolean): Promise<void> {
  return new Promise((resolve) => {
    const wire = connect({ port, host: "127.0.0.1", localAddress });
    wire.on("error", () => undefined);
    wire.once("close", () => {
      resolve();
    });
    if (isHandshake) {
      wire.write(HALF_HELLO);
      wire.resume();
      return;
    }
    const secure = connectSecurely({ socket: wire, rejectUnauthorized: false });
    secure.on("error", () => undefined);
    secure.once("secureConnect", () => {
      secure.write("POST /tokens HTTP/1.1\r\nHost: localhost\r\n");
      const drip = setInterval(() => secure.write("x-more: 1\r\n"), DRIP_MS);
      wire.once("close", () => {
        clearInterval(drip);
      });
    });
    secure.resume();
  });
}
