import type { OperationAnswer } from "../../keys/managed/operator-shapes.ts";
import { answeredNo, couldNot } from "../terminal/command-end.ts";
import { printJson } from "../terminal/json.ts";
import type { World } from "../terminal/world.ts";
import { deathNotice } from "./timeline.ts";

/** Tells what an operation did; ends the command with 1 when it did nothing. */
export function tell(world: World, { json }: { readonly json?: true }, answer: OperationAnswer): void {
  if (json) {
    printJson(world, answer);
    if (!answer.done) throw answeredNo();
    return;
  }
  const { refused } = answer;
  if (refused !== undefined)
    throw couldNot(
      `refused: ${refused.outage}${refused.accept === undefined ? "" : `; to accept that: --accept-${refused.accept}`}`,
    );
  for (const { change, kid } of answer.changes ?? []) world.out(`${WORDS[change] ?? change} ${kid}\n`);
  world.out(deathNotice(answer));
}

const WORDS: Readonly<Record<string, string>> = {
  publish: "published:        ",
  activate: "signs from now on:",
  deactivate: "signs no more:   ",
  taint: "tainted:          ",
  revoke: "revoked:          ",
  retire: "retired:          ",
};
