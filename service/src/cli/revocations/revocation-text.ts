import type { RevocationLine } from "../../ledger/revocation/operator-shapes.ts";
import type { Reach } from "../../ledger/revocation/revocation-store.ts";
import { counted } from "../terminal/count.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { utc } from "../terminal/time.ts";

const SUBJECT_CHARACTERS_MAX = 48;

/** How much is stopped, in words: `14 live tokens of 3 agents`. */
export function reachText({ tokens, agents }: Reach): string {
  return `${counted(tokens, "live token")} of ${counted(agents, "agent")}`;
}

/** The revocations, the newest first, for a terminal. */
export function revocationsText(lines: readonly RevocationLine[]): string {
  if (lines.length === 0) return "nothing was ever revoked\n";
  const header = ["NUMBER", "AT", "WHAT", "TOKENS", "STATE", "BY", "WHY"];
  return table([header, ...lines.map(rowOf)]);
}

function rowOf(line: RevocationLine): readonly string[] {
  const { epoch, at, door, subject, tokens, by, reason } = line;
  const what = `${door} ${shown(subject, SUBJECT_CHARACTERS_MAX)}`;
  return [String(epoch), utc(at), what, String(tokens), stateOf(line), shown(by), shown(reason)];
}

function stateOf({ door, ends, ended_by: endedBy }: RevocationLine): string {
  if (door === "undo") return `undoes ${String(ends)}`;
  return endedBy === null ? "stands" : `ended by ${String(endedBy)}`;
}
