import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** The line between services and their database server, which a story can cut. */
export interface StoreLine {
  /** The database's URL, over this line. */
  readonly url: string;
  /** Ends every connection and accepts none. */
  cut(): void;
  /** Keeps every connection and passes no more bytes: a lost network. */
  freeze(): void;
  /** Lets new connections through; frozen ones end. */
  restore(): void;
  close(): void;
}

export async function openStoreLine(databaseUrl: string): Promise<StoreLine> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let state: "whole" | "cut" | "frozen" = "whole";
  const server = createServer((near) => {
    if (state === "cut") return near.destroy();
    hold(near);
    if (state === "frozen") return near.pause();
    const far = connect(Number(target.port), target.hostname);
    hold(far);
    near.pipe(far).pipe(near);
    return near;
  });
  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  };
  const endAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cut() {
      state = "cut";
      endAll();
    },
    freeze() {
      state = "frozen";
      for (const socket of sockets) socket.unpipe().pause();
    },
    restore() {
      endAll();
      state = "whole";
    },
    close() {
      endAll();
      server.close();
    },
  };
}
