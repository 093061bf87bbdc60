import type { DeadLine, ReceiverLine } from "../../events/operator-shapes.ts";
import { shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { utc } from "../terminal/time.ts";

interface Fault {
  readonly fault: string | null;
  readonly status: number | null;
}

/** Why a try failed, in a few words: `timeout`, `answered 503`. */
export function faultText({ fault, status }: Fault): string {
  if (fault === null) return "-";
  return status === null ? shown(fault) : `${shown(fault)} ${String(status)}`;
}

/** The receivers for a terminal. */
export function receiversText(lines: readonly ReceiverLine[]): string {
  const header = ["RECEIVER", "AUDIENCE", "BEHIND", "FAILING SINCE", "TRIES", "WHY", "DEAD"];
  return table([header, ...lines.map(receiverRow)]);
}

function receiverRow(line: ReceiverLine): readonly string[] {
  const { name, audience, behind, failures, dead } = line;
  const since = line.failing_since === null ? "-" : utc(line.failing_since);
  const whom = line.is_declared ? shown(audience ?? "-") : "not declared any more";
  return [shown(name), whom, String(behind), since, String(failures), faultText(line), String(dead)];
}

/** The dead letters for a terminal. */
export function deadText(lines: readonly DeadLine[]): string {
  if (lines.length === 0) return "no event was given up\n";
  const header = ["RECEIVER", "REVOCATION", "PART", "GIVEN UP", "TRIES", "WHY"];
  return table([
    header,
    ...lines.map((line) => [
      shown(line.receiver),
      String(line.epoch),
      String(line.part),
      utc(line.at),
      String(line.failures),
      faultText(line),
    ]),
  ]);
}
