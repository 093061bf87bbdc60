import type { Listener } from "../http/listener.ts";
import { codeOf, messageOf } from "../kernel/faults.ts";
import { printable } from "../kernel/printable.ts";

const SHUTDOWN_MS_MAX = 10_000;

/** Where a listener listens, and the variables that say so. */
export interface Place {
  readonly port: number;
  /** `undefined`: every address, IPv6 and IPv4. */
  readonly host: string | undefined;
  readonly portVariable: string;
  readonly hostVariable: string;
}

/** Listens; resolves to a line for the operator when the address cannot be had. */
export function listen(
  { server }: Listener,
  { port, host, portVariable, hostVariable }: Place,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once("error", (fault) => {
      const place = host === undefined ? `port ${String(port)}` : `${printable(host)} port ${String(port)}`;
      const why = codeOf(fault);
      if (why === "EADDRINUSE")
        resolve(
          `${portVariable}: ${place} is in use by another program; stop it or set ${portVariable} to a free one`,
        );
      else if (why === "EACCES")
        resolve(
          `${portVariable}: ${place} needs more rights than this user has; set ${portVariable} to 1024 or above`,
        );
      else
        resolve(
          `${hostVariable}: cannot listen on ${place} (${why ?? messageOf(fault)}); set ${hostVariable} to an address of this machine`,
        );
    });
    // Without a host Node listens on :: and, where there is no IPv6, on 0.0.0.0.
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      resolve(undefined);
    });
  });
}

/** Stops accepting and lets requests in flight finish; resolves to 0, or to 1 after giving up on them. */
export async function drain(listeners: readonly Listener[]): Promise<number> {
  let sweep: NodeJS.Timeout | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  const closed = Promise.all(
    listeners.map(({ server }) => new Promise((resolve) => server.close(resolve))),
  ).then(() => 0);
  // Connections that were busy at close() become quiet one by one.
  sweep = setInterval(() => {
    for (const listener of listeners) listener.closeQuiet();
  }, 50);
  const tooLate = new Promise<number>((resolve) => {
    giveUp = setTimeout(() => {
      for (const { server } of listeners) server.closeAllConnections();
      resolve(1);
    }, SHUTDOWN_MS_MAX);
  });
  const code = await Promise.race([closed, tooLate]);
  clearInterval(sweep);
  clearTimeout(giveUp);
  return code;
}
