import { Command, Option } from "commander";
import { documentArgument, openDocument } from "../access/open-document.ts";
import { answeredNo } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";

interface LintOptions {
  readonly strict?: true;
  readonly json?: true;
}

const NOTES = `
warning: a rule that does nothing, or that may give more than its author thinks. note: a wide rule that may be meant so.
Exit code 1: a warning, or with --strict a warning or a note.

Example:
  macp-auth policy lint access.yaml`;

/** `macp-auth policy lint`: rules that are dead, shadowed or wide. */
export function lintCommand(world: World): Command {
  return new Command("lint")
    .description("find rules that do nothing, or give more than they seem to")
    .addArgument(documentArgument())
    .addOption(new Option("--strict", "also fail on notes"))
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (file: string | undefined, { strict, json }: LintOptions) => {
      const document = await openDocument(file, world);
      const { lintDocument, lintText } = await import("./lint-findings.ts");
      const findings = lintDocument(document, world.clock.now());
      if (json) printJson(world, { ok: findings.length === 0, findings });
      else world.out(lintText(findings));
      if (findings.some(({ grade }) => strict || grade === "warning")) throw answeredNo();
    });
}
