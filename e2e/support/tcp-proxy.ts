import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A connection to a server that a test can cut, freeze, slow down and restore. */
export interface TcpProxy {
  readonly port: number;
  /** Bytes no longer pass, and neither end notices: a network partition. */
  freeze(): void;
  /** New connections are closed and the old ones end. */
  cut(): void;
  /** From now on what the server sends comes so many milliseconds later, in order; each time anew. */
  slow(milliseconds: () => number): void;
  /** The connections there are stay open, and nothing passes on them ever again; new ones work. */
  abandon(): void;
  restore(): void;
  /** The old connections end, and new ones go to another port. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

/** A proxy on loopback to a port of this machine. */
export async function tcpProxy(firstPort: number): Promise<TcpProxy> {
  let port = firstPort;
  let state: "open" | "frozen" | "cut" = "open";
  let lateMs = (): number => 0;
  const pairs = new Set<readonly [Socket, Socket]>();
  const abandoned: Socket[] = [];
  const server: Server = createServer((near) => {
    if (state === "cut") {
      near.destroy();
      return;
    }
    const far = connect(port, "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    let last = 0;
    near.on("data", (bytes) => {
      far.write(bytes);
    });
    far.on("data", (bytes) => {
      const now = performance.now();
      last = Math.max(last, now + lateMs());
      if (last <= now) near.write(bytes);
      else setTimeout(() => near.write(bytes), last - now);
    });
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
      if (state === "frozen") from.pause();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const all = (act: (socket: Socket) => void): void => {
    for (const pair of pairs) pair.forEach(act);
  };
  return {
    port: (server.address() as AddressInfo).port,
    freeze() {
      state = "frozen";
      all((socket) => socket.pause());
    },
    cut() {
      state = "cut";
      all((socket) => socket.destroy());
    },
    slow(milliseconds) {
      lateMs = milliseconds;
    },
    abandon() {
      all((socket) => {
        socket.pause();
        abandoned.push(socket);
      });
      pairs.clear();
    },
    restore() {
      state = "open";
      lateMs = () => 0;
      all((socket) => socket.resume());
    },
    leadTo(other) {
      port = other;
      all((socket) => socket.destroy());
    },
    close: () =>
      new Promise((resolve) => {
        all((socket) => socket.destroy());
        for (const socket of abandoned) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
}
