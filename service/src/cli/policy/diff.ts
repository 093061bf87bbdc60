import { Argument, Command, Option } from "commander";
import type { Decision } from "../../policy/decide.ts";
import type { DecisionChange, PolicyDiff } from "../../policy/review/diff-policies.ts";
import { openDocument } from "../access/open-document.ts";
import { answeredNo, couldNot } from "../terminal/command-end.ts";
import { counted } from "../terminal/count.ts";
import { jsonOption, printJson } from "../terminal/json.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import type { World } from "../terminal/world.ts";

const NOTES = `
REQUESTS is a YAML document with a list of requests, or a table of expectations of policy test (see docs/cli.md).

Example of REQUESTS:
  version: 1
  requests:
    - {caller: control-plane, sender: "agent://planner", scopes: {can_start_sessions: true}}

Example:
  macp-auth policy diff access.yaml access.new.yaml requests.yaml --fail-on-loss`;

interface DiffOptions {
  readonly failOnLoss?: true;
  readonly json?: true;
}

/** `macp-auth policy diff`: who gains and who loses by a new document, for requests that are made. */
export function diffCommand(world: World): Command {
  return new Command("diff")
    .description("show what a new access document changes for a list of requests")
    .addArgument(new Argument("<OLD>", "the access document in force"))
    .addArgument(new Argument("<NEW>", "the access document that is to replace it"))
    .addArgument(new Argument("<REQUESTS>", "the file with the requests"))
    .addOption(new Option("--fail-on-loss", "exit code 1 when a request loses its token"))
    .addOption(jsonOption())
    .addHelpText("after", NOTES)
    .action(async (before: string, after: string, requests: string, options: DiffOptions) => {
      const diff = await diffOf(before, after, requests, world);
      if (options.json) printJson(world, diffDocument(diff));
      else world.out(diffText(diff));
      if (options.failOnLoss && diff.changes.some(({ change }) => change === "lost")) throw answeredNo();
    });
}

async function diffOf(before: string, after: string, path: string, world: World): Promise<PolicyDiff> {
  const [{ readSmallInput }, { readRequests }, { diffPolicies }] = await Promise.all([
    import("../../files/small-file.ts"),
    import("./read-requests.ts"),
    import("../../policy/review/diff-policies.ts"),
  ]);
  const [old, next] = [await openDocument(before, world), await openDocument(after, world)];
  // A caller that leaves with the new document is known to the old one.
  const read = readRequests(shown(path), await readSmallInput(path), {
    ...old,
    registry: { ...old.registry, callers: [...old.registry.callers, ...next.registry.callers] },
  });
  if (read.kind === "rejected") throw couldNot(...read.faults);
  return diffPolicies(
    old.policy,
    next.policy,
    read.items.map(({ item }) => item),
  );
}

function diffText({ same, changes, callers }: PolicyDiff): string {
  const rows = changes.map(({ change, caller, request, before, after }) => [
    change,
    caller.id,
    shown(request.sender),
    ruleText(before),
    ruleText(after),
  ]);
  const totals = callers.map(({ caller, gained, lost, different }) => [
    caller,
    String(gained),
    String(lost),
    String(different),
  ]);
  const unchanged = `${counted(same, "request")} unchanged\n`;
  if (changes.length === 0) return unchanged;
  return `${table([["CHANGE", "CALLER", "SENDER", "BEFORE", "AFTER"], ...rows])}\n${table([["CALLER", "GAINED", "LOST", "DIFFERENT"], ...totals])}\n${unchanged}`;
}

function ruleText(decision: Decision): string {
  return decision.kind === "granted" ? decision.grant : `rejected (${decision.reason})`;
}

function diffDocument({ same, changes, callers }: PolicyDiff): object {
  return { same, callers, changes: changes.map(changeDocument) };
}

function changeDocument({ index, change, caller, request, before, after }: DecisionChange): object {
  return { index, change, caller: caller.id, sender: request.sender, before, after };
}
