import type { ExitCode } from "./world.ts";

/** Ends a command with a code other than 0. Each line goes to standard error after `macp-auth: `, and says what is wrong and the fix. */
export class CommandEnd extends Error {
  override readonly name = "CommandEnd";
  readonly exitCode: Exclude<ExitCode, 0>;
  readonly lines: readonly string[];

  constructor(exitCode: Exclude<ExitCode, 0>, lines: readonly string[]) {
    super(lines.join("\n"));
    this.exitCode = exitCode;
    this.lines = lines;
  }
}

/** Wrong usage: nothing was tried. */
export function wrongCall(line: string): CommandEnd {
  return new CommandEnd(2, [line]);
}

/** The usage was right, but it could not be done. */
export function couldNot(...lines: readonly string[]): CommandEnd {
  return new CommandEnd(1, lines);
}

/** The answer is no, and was already printed. */
export function answeredNo(): CommandEnd {
  return new CommandEnd(1, []);
}
