import type { Argument, Command, Option } from "commander";

/** What a shell may offer for a value. */
export type Offer =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" }
  | { readonly kind: "nothing" };

export interface OptionNode {
  /** `--out`, and `-h` where there is a short one. */
  readonly names: readonly string[];
  readonly description: string;
  /** `undefined`: a flag, which takes no value. */
  readonly value: Offer | undefined;
}

/** A command as completion sees it. */
export interface CommandNode {
  /** `""` for the program itself, `/keygen` for a command, `/keys/list` for one below it. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly options: readonly OptionNode[];
  readonly argument: Offer;
  readonly commands: readonly CommandNode[];
}

/** The tree of a program, its options of help and version included. */
export function treeOf(program: Command): CommandNode {
  return nodeOf(program, "");
}

/** The command and all below it, outermost first. */
export function allNodes(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.commands.flatMap(allNodes)];
}

function nodeOf(command: Command, path: string): CommandNode {
  const help = command.createHelp();
  const inner = help.visibleCommands(command).filter((candidate) => candidate.name() !== "help");
  const [argument] = command.registeredArguments;
  return {
    path,
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map(optionOf),
    argument: argument === undefined ? { kind: "nothing" } : offerOf(argument),
    commands: inner.map((candidate) => nodeOf(candidate, `${path}/${candidate.name()}`)),
  };
}

function optionOf(option: Option): OptionNode {
  const names = [option.short, option.long].filter((name) => name !== undefined);
  const takesValue = option.required || option.optional;
  return {
    names,
    description: option.description.replace(/ \((?:choices|default).*\)$/, ""),
    value: takesValue ? offerOf(option) : undefined,
  };
}

/** A value is a file when its placeholder says so. */
function offerOf(part: Argument | Option): Offer {
  if (part.argChoices !== undefined) return { kind: "words", words: part.argChoices };
  const placeholder = "flags" in part ? part.flags : part.name();
  return /FILE|<file>/.test(placeholder) ? { kind: "files" } : { kind: "nothing" };
}
