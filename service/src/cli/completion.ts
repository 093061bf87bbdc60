import { Argument, Command } from "commander";
import { jsonOption, printJson } from "./terminal/json.ts";
import type { World } from "./terminal/world.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;
type Shell = (typeof SHELLS)[number];

const NOTES = `
To have completion in every new shell:
  bash  macp-auth completion bash > ~/.local/share/bash-completion/completions/macp-auth
  zsh   macp-auth completion zsh > DIR/_macp-auth   with a DIR of $fpath
  fish  macp-auth completion fish > ~/.config/fish/completions/macp-auth.fish`;

/** `macp-auth completion`: a completion script made from the commands themselves. */
export function completionCommand(world: World): Command {
  const command = new Command("completion")
    .description("print a completion script for a shell")
    .addArgument(new Argument("<SHELL>", "the shell").choices(SHELLS))
    .addOption(jsonOption())
    .addHelpText("after", NOTES);
  return command.action(async (shell: Shell, { json }: { readonly json?: true }) => {
    const { treeOf } = await import("./completion/command-tree.ts");
    const script = (await writerFor(shell))(treeOf(command.parent ?? command));
    if (json) printJson(world, { shell, script });
    else world.out(script);
  });
}

async function writerFor(shell: Shell) {
  switch (shell) {
    case "bash":
      return (await import("./completion/bash.ts")).bashScript;
    case "zsh":
      return (await import("./completion/zsh.ts")).zshScript;
    case "fish":
      return (await import("./completion/fish.ts")).fishScript;
  }
}
