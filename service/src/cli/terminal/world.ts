import type { Machine } from "../../kernel/machine.ts";

/** What a command may touch of the process it runs in. Made in main.ts; a test makes its own. */
export interface World extends Machine {
  /** The variables that are set to something: a blank one is left out. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Writes to standard output: what was asked for, and nothing else. */
  out(text: string): void;
  /** Writes to standard error: everything else. */
  err(text: string): void;
  /** All of standard input, as text; `undefined` when it holds more than `bytesMax`; the rest is not read. */
  readStdin(bytesMax: number): Promise<string | undefined>;
  /** What a person types at the terminal, up to the end of the line. */
  readLine?(): Promise<string>;
  readonly stdoutIsTerminal: boolean;
  readonly stdinIsTerminal: boolean;
  /** The user that the process runs as; `undefined` where the system has no such number. */
  readonly userId: number | undefined;
  readonly nodeVersion: string;
  /** The version of this package. */
  readonly version: string;
  /** Runs the service with these settings until a signal stops it; resolves to the exit code. */
  serve(environment: World["environment"]): Promise<number>;
  /** The same for a guard of its own process. */
  guard(environment: World["environment"]): Promise<number>;
}

/** 0: done. 1: the answer is no (a token that does not verify, a failed check), or it could not be done. 2: wrong usage. */
export type ExitCode = 0 | 1 | 2;
