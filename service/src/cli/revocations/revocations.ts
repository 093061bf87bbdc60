import { Command, Option } from "commander";
import { type AdminAddress, adminOptions } from "../client/admin-option.ts";
import { wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { reachText, revocationsText } from "./revocation-text.ts";

interface ListOptions extends AdminAddress {
  readonly before?: string;
  readonly json?: true;
}

interface UndoOptions extends AdminAddress {
  readonly reason: string;
  readonly json?: true;
}

const NOTES = `
Examples:
  macp-auth revocations list --admin http://127.0.0.1:3201
  macp-auth revocations undo 7 --reason "it was another agent" --admin http://127.0.0.1:3201`;

/** `macp-auth revocations …`: what was stopped, and how it is taken back. */
export function revocationsCommand(world: World): Command {
  return new Command("revocations")
    .description("show what was stopped, by whom and why, and take it back")
    .addHelpText("after", NOTES)
    .addCommand(listCommand(world))
    .addCommand(undoCommand(world));
}

function listCommand(world: World): Command {
  const [adminOption, caFileOption] = adminOptions();
  return new Command("list")
    .description("show what was stopped and taken back, the newest first, a hundred at a time")
    .option("--before <NUMBER>", "only those with a lower number")
    .addOption(adminOption.makeOptionMandatory())
    .addOption(caFileOption)
    .addOption(jsonOption())
    .action(async ({ json, before, ...address }: ListOptions) => {
      if (before !== undefined) insistOnNumber(before);
      const [{ adminClient }, { RevocationsReport }] = await shapes();
      const call = await adminClient(address, world);
      const query = before === undefined ? "" : `?before=${before}`;
      const report = await call(RevocationsReport, "GET", `/revocations${query}`);
      if (json) printJson(world, report);
      else world.out(revocationsText(report.revocations));
    });
}

function undoCommand(world: World): Command {
  const [adminOption, caFileOption] = adminOptions();
  return new Command("undo")
    .description("take a revocation back; what another one stops too stays stopped")
    .argument("<NUMBER>", "the number of the revocation")
    .addOption(new Option("--reason <TEXT>", "why; it is recorded").makeOptionMandatory())
    .addOption(adminOption.makeOptionMandatory())
    .addOption(caFileOption)
    .addOption(jsonOption())
    .action(async (number: string, { json, reason, ...address }: UndoOptions) => {
      insistOnNumber(number);
      if (reason.trim() === "") throw wrongCall("--reason is empty; say why: it is recorded");
      const [{ adminClient }, { RevocationAnswer }] = await shapes();
      const call = await adminClient(address, world);
      const answer = await call(RevocationAnswer, "POST", `/revocations/${number}/undo`, { reason });
      if (json) printJson(world, answer);
      else
        world.out(
          `took revocation ${number} back, which had stopped ${reachText(answer)}; recorded as ${String(answer.epoch)}\n`,
        );
    });
}

function shapes() {
  return Promise.all([
    import("../client/admin-client.ts"),
    import("../../ledger/revocation/operator-shapes.ts"),
  ]);
}

function insistOnNumber(text: string): void {
  if (!/^[1-9][0-9]{0,14}$/.test(text))
    throw wrongCall("the number of a revocation is a whole number; see: macp-auth revocations list");
}
