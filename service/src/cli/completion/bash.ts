import { allNodes, type CommandNode, type Offer } from "./command-tree.ts";

/** A script for bash 3.2 and newer. */
export function bashScript(program: CommandNode): string {
  const nodes = allNodes(program);
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => path);
  const values = nodes.flatMap((node) =>
    node.options.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((name) => [`${node.path} ${name}`, value] as const),
    ),
  );
  return `# bash completion for ${program.name}
_macp_auth_files() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -f -- "$cur"))
  compopt -o filenames 2>/dev/null
}
_macp_auth() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" i
  local IFS=$' \\t\\n'
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path/\${COMP_WORDS[i]}" in
      ${paths.join("|")}) path="$path/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path $prev" in
${values.map(([place, offer]) => `    "${place}") ${action(offer)}; return ;;`).join("\n")}
  esac
  case "$path" in
${nodes.map((node) => `    "${node.path}") ${words(node)}${node.argument.kind === "files" ? `; [[ $cur == -* ]] || ${action(node.argument)}` : ""} ;;`).join("\n")}
  esac
}
complete -F _macp_auth ${program.name}
`;
}

function words({ commands, options, argument }: CommandNode): string {
  const offered = [
    ...commands.map(({ name }) => name),
    ...(argument.kind === "words" ? argument.words : []),
    ...options.flatMap(({ names }) => names),
  ];
  return compgen(offered);
}

function action(offer: Offer): string {
  if (offer.kind === "words") return compgen(offer.words);
  return offer.kind === "files" ? "_macp_auth_files" : ":";
}

function compgen(words: readonly string[]): string {
  return `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$cur"))`;
}
