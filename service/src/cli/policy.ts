import { Command } from "commander";
import { diffCommand } from "./policy/diff.ts";
import { explainCommand } from "./policy/explain.ts";
import { lintCommand } from "./policy/lint.ts";
import { schemaCommand } from "./policy/schema.ts";
import { testCommand } from "./policy/test.ts";
import type { World } from "./terminal/world.ts";

const NOTES = `
The commands read the access document FILE, or that of MACP_AUTH_CONFIG_FILE, and ask no service. What a policy says also depends
on the issuer, the audience and the TTLs of the service: give its settings with --settings.`;

/** `macp-auth policy …`: reviews what callers may have minted. */
export function policyCommand(world: World): Command {
  return new Command("policy")
    .description("review an access document: who may have which tokens minted")
    .addHelpText("after", NOTES)
    .addCommand(lintCommand(world))
    .addCommand(explainCommand(world))
    .addCommand(testCommand(world))
    .addCommand(diffCommand(world))
    .addCommand(schemaCommand(world));
}
