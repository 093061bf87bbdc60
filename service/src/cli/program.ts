import { Command, CommanderError } from "commander";
import { ConfigError } from "../config/config-error.ts";
import { FileFault } from "../files/file-fault.ts";
import { codeOf } from "../kernel/faults.ts";
import { whyUnusable } from "../wiring/words/file-fault-words.ts";
import { callersCommand } from "./callers.ts";
import { complete, completionCommand } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { eventsCommand } from "./events/events.ts";
import { guardCommand } from "./guard.ts";
import { initCommand } from "./init.ts";
import { withSettingsFile } from "./input/settings-file.ts";
import { issuersCommand } from "./issuers.ts";
import { kekCommand } from "./kek.ts";
import { keygenCommand } from "./keygen.ts";
import { keysCommand } from "./keys.ts";
import { ledgerCommand } from "./ledger.ts";
import { migrateCommand } from "./migrate.ts";
import { policyCommand } from "./policy.ts";
import { revocationsCommand } from "./revocations/revocations.ts";
import { revokeCommand } from "./revocations/revoke.ts";
import { secretCommand } from "./secret.ts";
import { serveCommand } from "./serve.ts";
import { statusListsCommand } from "./status-lists/status-lists.ts";
import { CommandEnd, couldNot } from "./terminal/command-end.ts";
import { shown } from "./terminal/shown.ts";
import { usageFault } from "./terminal/usage-fault.ts";
import type { ExitCode, World } from "./terminal/world.ts";
import { jwksCommand } from "./tokens/jwks.ts";
import { mintCommand } from "./tokens/mint.ts";
import { verifyCommand } from "./tokens/verify.ts";

const EXIT_CODES = `
Exit codes: 0 done, 1 the answer is no or it could not be done, 2 wrong usage.
Errors and warnings go to standard error, one line each. Standard output holds only the requested result.`;

/** Parses the arguments and runs their command. Never rejects: every fault becomes a line and an exit code. */
export async function runProgram(args: readonly string[], world: World): Promise<ExitCode> {
  // The arguments come from the shell and may hold anything.
  if (args[0] === "complete" && world.environment["COMP_LINE"] !== undefined) {
    complete(macpAuth(world), world);
    return 0;
  }
  try {
    const given = await withSettingsFile(args, world);
    const program = macpAuth(given.world);
    await program.parseAsync(asHelpOption(program, given.args), { from: "user" });
    return 0;
  } catch (thrown) {
    return ended(thrown, world);
  }
}

/**
 * `help keys list` and `keys help list` mean `keys list --help`: the parser's own help command knows only one level. What
 * follows an unknown command is left out: the parser would show a help text and not report the unknown command.
 */
function asHelpOption(program: Command, args: readonly string[]): string[] {
  const path: string[] = [];
  const help: string[] = [];
  let command = program;
  for (const [index, word] of args.entries()) {
    if (command.commands.length === 0 || word.startsWith("-"))
      return [...path, ...args.slice(index), ...help];
    if (word === "help" && help.length === 0) {
      help.push("--help");
      continue;
    }
    path.push(word);
    const inner = command.commands.find((known) => known.name() === word);
    if (inner === undefined) return path;
    command = inner;
  }
  return [...path, ...help];
}

/** The command line as a tree: the program and its commands. */
export function macpAuth(world: World): Command {
  const program = new Command("macp-auth")
    .description(
      "Mint the short-lived tokens with which MACP agents authenticate to the runtime, and manage the signing keys.",
    )
    .version(world.version, "--version", "print the version")
    .helpCommand("help [command...]", "show the help of a command")
    .option("--settings <FILE>", "also read settings from a file; environment variables have priority")
    .addHelpText("after", EXIT_CODES);
  const commands = [
    serveCommand,
    guardCommand,
    initCommand,
    keysCommand,
    ledgerCommand,
    kekCommand,
    migrateCommand,
    keygenCommand,
    jwksCommand,
    secretCommand,
    callersCommand,
    issuersCommand,
    policyCommand,
    revokeCommand,
    revocationsCommand,
    statusListsCommand,
    eventsCommand,
    mintCommand,
    verifyCommand,
    doctorCommand,
    completionCommand,
  ];
  for (const command of commands) program.addCommand(command(world));
  useOneStyle(program, "macp-auth", world);
  return program;
}

/** Makes a command and all below it behave alike: never end the process, write through the world, one line per error. */
function useOneStyle(command: Command, fullName: string, world: World): void {
  command
    .helpOption("-h, --help", "show this help")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        world.out(text);
      },
      writeErr: (text) => {
        world.err(text);
      },
      outputError: (text, write) => {
        write(`macp-auth: ${usageFault(text, fullName)}\n`);
      },
    });
  for (const inner of command.commands) useOneStyle(inner, `${fullName} ${inner.name()}`, world);
}

/** Reports why a command ended early; returns its exit code. */
function ended(thrown: unknown, world: World): ExitCode {
  if (thrown instanceof CommanderError) return codeOfParser(thrown);
  const end = thrown instanceof CommandEnd ? thrown : couldNot(...linesOf(thrown));
  for (const line of end.lines) world.err(`macp-auth: ${line}\n`);
  return end.exitCode;
}

/** Every error of the parser means wrong usage; a command that ends through the parser sets its own code. */
function codeOfParser({ code, exitCode }: CommanderError): ExitCode {
  if (exitCode === 0) return 0;
  return code.startsWith("commander.") || exitCode === 2 ? 2 : 1;
}

function linesOf(thrown: unknown): readonly string[] {
  if (thrown instanceof ConfigError) return thrown.faults;
  if (thrown instanceof FileFault) return [`${shown(thrown.path)} ${whyUnusable(thrown)}`];
  // The message is dropped on purpose: it may quote a token or a key.
  const kind = codeOf(thrown) ?? (thrown instanceof Error ? thrown.name : typeof thrown);
  return [`internal error (${kind}); report it with the command, without tokens and keys`];
}
