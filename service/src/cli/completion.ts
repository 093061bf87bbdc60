import { Argument, Command } from "commander";
import { candidates } from "./completion/candidates.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import type { World } from "./terminal/world.ts";

/** What each shell runs to complete a command line: this program, with the line in COMP_LINE, as `complete -C` of bash gives it. */
const SCRIPTS = {
  bash: `complete -o default -C 'macp-auth complete' macp-auth
`,
  zsh: `autoload -U +X bashcompinit && bashcompinit
complete -o default -C 'macp-auth complete' macp-auth
`,
  fish: `function __macp_auth_complete
    set -lx COMP_LINE (commandline -cp)
    set -l words (macp-auth complete)
    if test (count $words) -gt 0
        printf '%s\\n' $words
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c macp-auth -f -a '(__macp_auth_complete)'
`,
} as const;

const NOTES = `
To have completion in every new shell:
  bash  macp-auth completion bash > ~/.local/share/bash-completion/completions/macp-auth
  zsh   source <(macp-auth completion zsh)   in ~/.zshrc, after compinit
  fish  macp-auth completion fish > ~/.config/fish/completions/macp-auth.fish`;

/** `macp-auth completion`: the lines that make a shell complete this program's command lines. */
export function completionCommand(world: World): Command {
  return new Command("completion")
    .description("print the completion script for a shell")
    .addArgument(new Argument("<SHELL>", "the shell").choices(Object.keys(SCRIPTS)))
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action((shell: keyof typeof SCRIPTS, { json }: { readonly json?: true }) => {
      if (json) printJson(world, { shell, script: SCRIPTS[shell] });
      else world.out(SCRIPTS[shell]);
    });
}

/** Answers a shell that asks how the command line in COMP_LINE may continue, one candidate a line. */
export function complete(program: Command, world: World): void {
  const { COMP_LINE: line = "", COMP_POINT: cursor } = world.environment;
  for (const word of candidates(program, line.slice(0, cursor === undefined ? undefined : Number(cursor))))
    world.out(`${word}\n`);
}
