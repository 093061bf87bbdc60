import type { KeyPreview, RevocationLine } from "../../ledger/revocation/operator-shapes.ts";
import type { Reach } from "../../ledger/revocation/revocation-store.ts";
import { counted } from "../terminal/count.ts";
import { harmlessLine, shown } from "../terminal/shown.ts";
import { table } from "../terminal/table.ts";
import { duration, utc } from "../terminal/time.ts";

const SUBJECT_CHARACTERS_MAX = 48;

/** How much is stopped, in words: `14 live tokens of 3 agents`. */
export function reachText({ tokens, agents }: Reach): string {
  return `${counted(tokens, "live token")} of ${counted(agents, "agent")}`;
}

/** Why a key cannot leave the JWKS, and how to do it anyway. */
export function rejectionText({
  outage,
  accept,
}: {
  readonly outage: string;
  readonly accept?: string | undefined;
}): string {
  const way =
    accept === undefined ? "see: macp-auth keys list" : `to accept that: --accept-${harmlessLine(accept)}`;
  return `nothing was stopped, because the key cannot leave the JWKS: ${harmlessLine(outage)}; ${way}`;
}

/** What would become of the keys, a line each; nothing where no key is named. `key`: null where the named one is not served. */
export function keyPreviewText(kid: string | undefined, key: KeyPreview | null): string {
  if (kid === undefined) return "";
  if (key === null)
    return `no managed key that is served has the kid ${shown(kid)}, so the JWKS stays as it is; see: macp-auth keys list\n`;
  const { rejected, changes, still_accepted: still } = key;
  if (rejected !== null) {
    const way =
      rejected.accept === undefined ? "" : `; to accept that: --accept-${harmlessLine(rejected.accept)}`;
    return `it would be rejected: ${harmlessLine(rejected.outage)}${way}\n`;
  }
  return [
    ...changes.map(({ change, kid }) => `${KEY_WORDS[change] ?? harmlessLine(change)}: ${shown(kid)}\n`),
    still === null
      ? ""
      : `verifiers that can fetch the JWKS would reject its tokens within ${duration(still.refreshing_seconds)}, all others within ${duration(still.in_grace_seconds)}\n`,
  ].join("");
}

const KEY_WORDS: Readonly<Record<string, string>> = {
  revoke: "would leave the JWKS",
  activate: "would sign from then on",
};

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
