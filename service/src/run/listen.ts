import { ConfigError } from "../config/config-error.ts";
import { shownValue } from "../config/shown-value.ts";
import type { Listener } from "../http/listener.ts";
import { codeOf, messageOf } from "../kernel/faults.ts";
import type { Machine } from "../kernel/machine.ts";
import type { Timers } from "../kernel/timers.ts";

const SHUTDOWN_MS_MAX = 10_000;
/** How often a shutdown looks for connections on which nothing happens. */
const LOOK_MS = 100;
/** For how long before accepting ends answers keep their connections open. */
const SETTLE_MS = 250;
/** How many connections from before a shutdown are still accepted, one in each turn of the event loop; the kernel queues 511. */
const BACKLOG_TURNS_MAX = 1_000;

/** Where a listener listens, and the variables that say so. */
export interface Place {
  readonly port: number;
  /** `undefined`: every address, IPv6 and IPv4. */
  readonly host: string | undefined;
  readonly portVariable: string;
  readonly hostVariable: string;
}

/** A listener that is to listen there. */
export interface OpenListener {
  readonly listener: Listener;
  readonly place: Place;
}

/** The timers that a shutdown needs. */
type DrainMachine = Pick<Machine, "timers" | "stopwatch">;

/** Makes all of them listen, or none: throws `ConfigError` with a line for each address that cannot be used. */
export async function listenAll(wanted: readonly OpenListener[]): Promise<readonly Listener[]> {
  const refusals = await Promise.all(wanted.map(({ listener, place }) => listen(listener, place)));
  const listeners = wanted.map(({ listener }) => listener);
  const faults = refusals.filter((refusal) => refusal !== undefined);
  if (faults.length === 0) return listeners;
  closeAll(listeners);
  throw new ConfigError(faults);
}

/** The line for an operator whose address cannot be used. `why`: the code of the fault. */
export function lineOfListenFault(why: string, { port, host, portVariable, hostVariable }: Place): string {
  const place = host === undefined ? `port ${String(port)}` : `${shownValue(host)} port ${String(port)}`;
  switch (why) {
    case "EADDRINUSE":
      return `${portVariable}: ${place} is in use by another program; stop it or set ${portVariable} to a free one`;
    case "EACCES":
      return `${portVariable}: ${place} needs more rights than this user has; set ${portVariable} to 1024 or above`;
    default:
      return `${hostVariable}: cannot listen on ${place} (${why}); set ${hostVariable} to an address of this machine, or unset it`;
  }
}

/** Listens; resolves to a line for the operator when the address cannot be used. */
function listen({ server }: Listener, place: Place): Promise<string | undefined> {
  const { port, host } = place;
  return new Promise((resolve) => {
    server.once("error", (fault) => {
      resolve(lineOfListenFault(codeOf(fault) ?? messageOf(fault), place));
    });
    // Without a host Node listens on :: and, where there is no IPv6, on 0.0.0.0.
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      resolve(undefined);
    });
  });
}

/**
 * Lets the listeners accept for `acceptMs` more, then stops that and lets requests in flight finish; answers end their
 * connections, in both. Resolves to 0, or to 1 after giving up on what is still in flight: ten seconds after accepting ended,
 * or when `atOnce` resolves.
 */
export async function drain(
  machine: DrainMachine,
  listeners: readonly Listener[],
  acceptMs: number,
  atOnce: Promise<void>,
): Promise<number> {
  const finished = acceptFor(machine, listeners, acceptMs).then(() => finish(machine, listeners));
  const code = await Promise.race([finished, atOnce.then(() => 1)]);
  closeAll(listeners);
  return code;
}

/**
 * Accepts for `milliseconds` more, while answers end their connections. At the end they do not for a moment: a client whose
 * connections end makes new ones all the time, and the kernel resets those that wait when accepting ends.
 */
async function acceptFor(
  { timers }: DrainMachine,
  listeners: readonly Listener[],
  milliseconds: number,
): Promise<void> {
  const accepting = milliseconds - SETTLE_MS;
  if (accepting <= 0) return;
  for (const { connections } of listeners) connections.endAfterAnswers(true);
  await timers.delay(accepting).over;
  for (const { connections } of listeners) connections.endAfterAnswers(false);
  await timers.delay(SETTLE_MS).over;
}

function closeAll(listeners: readonly Listener[]): void {
  for (const { server } of listeners) {
    server.close();
    server.closeAllConnections();
  }
}

/** Stops accepting; resolves to 0 when all connections have ended, or to 1 when they have not in ten seconds. */
async function finish({ timers, stopwatch }: DrainMachine, listeners: readonly Listener[]): Promise<number> {
  const closed = Promise.all(listeners.map((listener) => stopAccepting(timers, listener))).then(() => 0);
  const stopLooking = timers.every(LOOK_MS, () => {
    // After everything that has arrived was read: a connection with new bytes is not quiet.
    void timers.afterArrivals().then(() => {
      for (const { connections } of listeners) connections.closeQuiet(stopwatch.elapsed());
    });
  });
  const patience = timers.delay(SHUTDOWN_MS_MAX);
  const code = await Promise.race([closed, patience.over.then(() => 1)]);
  stopLooking();
  patience.cancel();
  return code;
}

/** Resolves when the listener's last connection has ended. Connections that wait to be accepted are accepted first: the kernel would reset them. */
async function stopAccepting(timers: Timers, { server, connections }: Listener): Promise<void> {
  // Two turns of the event loop in a row without a new one: the first may have begun before this.
  for (let turns = 0, idleTurns = 0; idleTurns < 2 && turns < BACKLOG_TURNS_MAX; turns += 1) {
    const before = connections.accepted;
    await timers.afterArrivals();
    idleTurns = connections.accepted === before ? idleTurns + 1 : 0;
  }
  const closed = new Promise((resolve) => {
    server.close(resolve);
  });
  connections.endAfterAnswers(true);
  await closed;
}
