import { shownValue } from "../config/shown-value.ts";
import type { Listener } from "../http/listener.ts";
import { ConfigError, codeOf, messageOf } from "../kernel/faults.ts";
import { delay, every } from "../kernel/timers.ts";

const SHUTDOWN_MS_MAX = 10_000;

/** Where a listener listens, and the variables that say so. */
export interface Place {
  readonly port: number;
  /** `undefined`: every address, IPv6 and IPv4. */
  readonly host: string | undefined;
  readonly portVariable: string;
  readonly hostVariable: string;
}

/** Makes all of them listen, or none: throws `ConfigError` with a line for each address that cannot be had. */
export async function listenAll(
  wanted: readonly { readonly listener: Listener; readonly place: Place }[],
): Promise<readonly Listener[]> {
  const refusals = await Promise.all(wanted.map(({ listener, place }) => listen(listener, place)));
  const listeners = wanted.map(({ listener }) => listener);
  const faults = refusals.filter((refusal) => refusal !== undefined);
  if (faults.length === 0) return listeners;
  await drain(listeners.filter(({ server }) => server.listening));
  throw new ConfigError(faults);
}

/** Listens; resolves to a line for the operator when the address cannot be had. */
function listen(
  { server }: Listener,
  { port, host, portVariable, hostVariable }: Place,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once("error", (fault) => {
      const place = host === undefined ? `port ${String(port)}` : `${shownValue(host)} port ${String(port)}`;
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
          `${hostVariable}: cannot listen on ${place} (${why ?? messageOf(fault)}); set ${hostVariable} to an address of this machine, or unset it`,
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
  const closed = Promise.all(
    listeners.map(
      ({ server }) =>
        new Promise((resolve) => {
          server.close(resolve);
        }),
    ),
  ).then(() => 0);
  // Connections that were busy at close() become quiet one by one.
  const stopSweeping = every(50, () => {
    for (const listener of listeners) listener.closeQuiet();
  });
  const patience = delay(SHUTDOWN_MS_MAX);
  const code = await Promise.race([closed, patience.over.then(() => 1)]);
  stopSweeping();
  patience.cancel();
  if (code !== 0) for (const { server } of listeners) server.closeAllConnections();
  return code;
}
