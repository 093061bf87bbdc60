import type { Argument, Command, Option } from "commander";

/**
 * What may stand at the end of a command line, which begins with the program's name. None where the shell offers files
 * itself: for a value without choices, and for an argument that is a file.
 */
export function candidates(program: Command, line: string): readonly string[] {
  const words = line.trimStart().split(/\s+/).slice(1);
  const current = words.pop() ?? "";
  const { command, option } = placeAfter(program, words);
  const [, name, value] = /^(--[^=]+)=(.*)$/.exec(current) ?? [];
  if (name !== undefined) return startingWith(value ?? "", choicesOf(optionOf(command, name)));
  if (option !== undefined) return startingWith(current, choicesOf(option));
  if (current.startsWith("-")) return startingWith(current, optionNames(command));
  const [argument] = command.registeredArguments;
  const offered = [...subcommandsOf(command).map((inner) => inner.name()), ...choicesOf(argument)];
  if (offered.length > 0 || argument !== undefined) return startingWith(current, offered);
  return startingWith(current, optionNames(command));
}

interface Place {
  readonly command: Command;
  /** The option whose value comes next. */
  readonly option: Option | undefined;
}

function placeAfter(program: Command, words: readonly string[]): Place {
  let command = program;
  let option: Option | undefined;
  for (const word of words) {
    if (option !== undefined) option = undefined;
    else if (word.startsWith("-")) option = takesValue(optionOf(command, word));
    else command = subcommandsOf(command).find((inner) => inner.name() === word) ?? command;
  }
  return { command, option };
}

function subcommandsOf(command: Command): readonly Command[] {
  return command.createHelp().visibleCommands(command);
}

function optionNames(command: Command): readonly string[] {
  return optionsOf(command).flatMap(({ short, long }) => [short, long].filter((name) => name !== undefined));
}

function optionOf(command: Command, name: string): Option | undefined {
  return optionsOf(command).find((option) => option.short === name || option.long === name);
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function takesValue(option: Option | undefined): Option | undefined {
  return option?.required || option?.optional ? option : undefined;
}

function choicesOf(part: Option | Argument | undefined): readonly string[] {
  return part?.argChoices ?? [];
}

function startingWith(beginning: string, words: readonly string[]): readonly string[] {
  return words.filter((word) => word.startsWith(beginning));
}
