import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";

/** The log of the service. One line for each event, named by `event`; never a token, a key or a request's body. */
export type Log = Logger;

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A log that writes JSON lines to `destination`, UTC times in RFC 3339 form. `fields`: what each line also says. */
export function openLog(level: LogLevel, destination: DestinationStream, fields?: () => object): Log {
  return pino(
    {
      level,
      base: null,
      messageKey: "message",
      timestamp: timestamps(),
      formatters: { level: (label) => ({ level: label }) },
      ...(fields === undefined ? {} : { mixin: fields }),
    },
    destination,
  );
}

/** The time of each line, formatted once for each millisecond: a busy service writes many lines in one. */
function timestamps(): () => string {
  let moment: string | undefined;
  let words = "";
  return () => {
    const now = stdTimeFunctions.epochTime();
    if (now !== moment) {
      moment = now;
      words = stdTimeFunctions.isoTime();
    }
    return words;
  };
}
