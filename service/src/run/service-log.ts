import type { EventEmitter } from "node:events";
import { type DestinationStream, pino } from "pino";
import type { Timers } from "../kernel/timers.ts";
import { type Log, type LogLevel, openLog } from "../telemetry/log.ts";

/** What the log may hold in memory while its reader stalls; lines beyond are dropped rather than tokens held up. */
const BYTES_WAITING_MAX = 16 * 1024 * 1024;

/** How long lines gather before they are written in one piece: written one by one they would cost a busy service a tenth of its tokens. */
const GATHER_MS = 5;

/** The log of a service, and what writes the lines that still wait. */
interface ServiceLog {
  readonly log: Log;
  readonly flush: () => Promise<void>;
}

/** The service's log on standard output: JSON lines, written off the event loop; on a terminal, lines for a person. `fields`: what each line also says. */
export async function openServiceLog(
  level: LogLevel,
  isTerminal: boolean,
  timers: Timers,
  fields?: () => object,
): Promise<ServiceLog> {
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
    return { log: openLog(level, stream, fields), flush: () => Promise.resolve() };
  }
  const destination = pino.destination({ fd: 1, sync: false, maxLength: BYTES_WAITING_MAX });
  // A log reader that went away must not take the service with it.
  destination.on("error", () => undefined);
  const gathered = gather(timers, (lines) => destination.write(lines));
  const log = openLog(level, gathered, fields);
  reportDrops(destination, log);
  return {
    log,
    flush: () =>
      new Promise((resolve) => {
        gathered.release();
        // A fault here means that the log is not read any more: there is nowhere left to report it.
        destination.flush(() => {
          resolve();
        });
      }),
  };
}

/** Counts the lines that found no room, and says how many once there is room again: a gap in the log shows. */
function reportDrops(destination: DestinationStream & EventEmitter, log: Log): void {
  let dropped = 0;
  destination.on("drop", (lines: string) => {
    dropped += lines.split("\n").length - 1;
  });
  destination.on("drain", () => {
    if (dropped > 0) log.error({ event: "log_lines_dropped", lines: dropped });
    dropped = 0;
  });
}

/** Holds lines back for a moment and passes them on together, in their order. */
function gather(
  timers: Timers,
  pass: (lines: string) => void,
): { write(line: string): void; release(): void } {
  let lines = "";
  const release = () => {
    if (lines !== "") pass(lines);
    lines = "";
  };
  return {
    write(line) {
      if (lines === "") void timers.delay(GATHER_MS).over.then(release);
      lines += line;
    },
    release,
  };
}
