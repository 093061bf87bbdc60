import { allNodes, type CommandNode, type Offer } from "./command-tree.ts";

/** A script for zsh, to be autoloaded from a folder of `$fpath` or sourced after `compinit`. */
export function zshScript(program: CommandNode): string {
  const nodes = allNodes(program);
  const paths = nodes.filter(({ path }) => path !== "").map(({ path }) => path);
  const values = nodes.flatMap((node) =>
    node.options.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((name) => [`${node.path} ${name}`, value] as const),
    ),
  );
  return `#compdef ${program.name}
_macp_auth() {
  local place="" word
  local -a offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place/$word" in
      (${paths.join("|")}) place="$place/$word" ;;
    esac
  done
  case "$place \${words[CURRENT-1]}" in
${values.map(([place, offer]) => `    ("${place}") ${action(offer)}; return ;;`).join("\n")}
  esac
  case "$place" in
${nodes.map(branch).join("\n")}
  esac
}
if [[ "\${funcstack[1]}" == _macp_auth ]]; then _macp_auth "$@"; else compdef _macp_auth ${program.name}; fi
`;
}

function branch({ path, commands, options, argument }: CommandNode): string {
  const described = [
    ...commands.map(({ name, description }) => entry(name, description)),
    ...options.flatMap(({ names, description }) => names.map((name) => entry(name, description))),
  ];
  const before = argument.kind === "nothing" ? "" : `[[ $PREFIX == -* ]] || ${action(argument)}; `;
  return `    ("${path}") offered=(${described.join(" ")}); ${before}_describe 'macp-auth' offered ;;`;
}

function action(offer: Offer): string {
  if (offer.kind === "words") return `compadd -- ${offer.words.join(" ")}`;
  return offer.kind === "files" ? "_files" : ":";
}

/** `'name:what it does'`, quoted for the shell; a colon in the name would end it. */
function entry(name: string, description: string): string {
  return `'${`${name}:${description}`.replaceAll("'", "'\\''")}'`;
}
