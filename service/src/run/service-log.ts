import { pino } from "pino";
import { type Log, type LogLevel, openLog } from "../telemetry/log.ts";

/** What the log may hold in memory while its reader stalls; lines beyond are dropped rather than tokens held up. */
const BYTES_WAITING_MAX = 16 * 1024 * 1024;

/** The service's log on standard output: JSON lines, written off the event loop; on a terminal, lines for a person. */
export async function openServiceLog(
  level: LogLevel,
  isTerminal: boolean,
): Promise<{ log: Log; flush: () => Promise<void> }> {
  if (isTerminal) {
    const { default: pretty } = await import("pino-pretty");
    const stream = pretty({
      sync: true,
      singleLine: true,
      messageKey: "message",
      messageFormat: "{event}{if message}: {message}{end}",
      ignore: "event,message",
      translateTime: "SYS:HH:MM:ss",
    });
    return { log: openLog(level, stream), flush: () => Promise.resolve() };
  }
  const destination = pino.destination({ fd: 1, sync: false, maxLength: BYTES_WAITING_MAX });
  // A log reader that went away must not take the service with it.
  destination.on("error", () => undefined);
  return {
    log: openLog(level, destination),
    flush: () =>
      new Promise((resolve) => {
        // A fault here means that nobody reads the log any more: there is nowhere left to say so.
        destination.flush(() => {
          resolve();
        });
      }),
  };
}
