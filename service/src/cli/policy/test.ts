import { Argument, Command } from "commander";
import { type OpenDocument, openDocument } from "../access/open-document.ts";
import { answeredNo, couldNot, wrongCall } from "../terminal/command-end.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import type { NamedResult } from "./expectation-results.ts";

const NOTES = `
EXPECTATIONS is a YAML document (see docs/cli.md). With one argument, the access document is that of MACP_AUTH_CONFIG_FILE.
Exit code 1: a request is not decided as expected.

Example of EXPECTATIONS:
  version: 1
  expectations:
    - {caller: control-plane, sender: "agent://planner", expect: allowed}
    - {caller: control-plane, sender: "agent://root", expect: {rejected: {reason: denied}}}
    - {caller: pods, claims: {namespace: prod}, sender: "agent://prod/a", expect: {allowed: {grant: own}}}

Example:
  macp-auth policy test access.yaml expectations.yaml`;

/** `macp-auth policy test`: a table of requests, and what a policy must say of each. */
export function testCommand(world: World): Command {
  return new Command("test")
    .description("check a policy against a table of expected decisions, for CI")
    .addArgument(new Argument("<FILE>", "the access document (default: MACP_AUTH_CONFIG_FILE)"))
    .addArgument(new Argument("[EXPECTATIONS]", "the file with the expected decisions"))
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (first: string, second: string | undefined, { json }: { readonly json?: true }) => {
      const document = await openDocument(second === undefined ? undefined : first, world);
      const results = await resultsOf(document, second ?? first);
      const { resultsDocument, resultsText } = await import("./expectation-results.ts");
      const isAsExpected = results.every(({ differs }) => differs.length === 0);
      if (json) printJson(world, resultsDocument(results));
      else world.out(resultsText(results));
      if (!isAsExpected) throw answeredNo();
    });
}

async function resultsOf(document: OpenDocument, path: string): Promise<readonly NamedResult[]> {
  const [{ readSmallInput }, { readExpectations }, { checkExpectations }] = await Promise.all([
    import("../../files/small-file.ts"),
    import("./read-requests.ts"),
    import("../../policy/review/check-expectations.ts"),
  ]);
  const text = await readSmallInput(path);
  const read = readExpectations(shown(path), text, document);
  if (read.kind === "rejected") throw couldNot(...read.faults);
  if (read.items.length === 0) throw wrongCall(`${shown(path)} has no expectations; write at least one`);
  return checkExpectations(
    document.policy,
    read.items.map(({ item }) => item),
  ).map((result, index) => ({ ...result, ...titleOf(read.items[index]) }));
}

function titleOf(item: { readonly at: string; readonly title: string } | undefined) {
  return { at: item?.at ?? "", title: item?.title ?? "" };
}
