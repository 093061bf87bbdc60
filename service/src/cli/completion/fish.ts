import { allNodes, type CommandNode, type OptionNode } from "./command-tree.ts";

/** A script for fish 3. */
export function fishScript(program: CommandNode): string {
  const lines = allNodes(program).flatMap((node) => linesOf(node, program.name));
  return [`# fish completion for ${program.name}`, `complete -c ${program.name} -f`, ...lines, ""].join("\n");
}

function linesOf(node: CommandNode, program: string): string[] {
  const complete = `complete -c ${program} -n ${quoted(condition(node))}`;
  return [
    ...node.commands.map(({ name, description }) => `${complete} -a ${name} -d ${quoted(description)}`),
    ...node.options.map((option) => `${complete} ${optionFlags(option)} -d ${quoted(option.description)}`),
    ...(node.argument.kind === "words" ? [`${complete} -a ${quoted(node.argument.words.join(" "))}`] : []),
    ...(node.argument.kind === "files" ? [`${complete} -F`] : []),
  ];
}

/** True where the words before the cursor lead to this command and to none below it. */
function condition({ path, commands }: CommandNode): string {
  const inside = path
    .split("/")
    .slice(1)
    .map((name) => `__fish_seen_subcommand_from ${name}`);
  const notBelow =
    commands.length === 0
      ? []
      : [`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(" ")}`];
  return [...inside, ...notBelow].join("; and ");
}

function optionFlags({ names, value }: OptionNode): string {
  const flags = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  if (value === undefined) return flags.join(" ");
  if (value.kind === "words") return [...flags, "-x", "-a", quoted(value.words.join(" "))].join(" ");
  return [...flags, value.kind === "files" ? "-r -F" : "-x"].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
