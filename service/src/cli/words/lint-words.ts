import { withInvisibleEscaped } from "../../kernel/printable.ts";
import type { PolicyFinding } from "../../policy/review/lint-policy.ts";
import { shown } from "../terminal/shown.ts";

/** `warning`: the rule does nothing, or something else than it seems to. `note`: it is wide, which may be meant so. */
export type LintGrade = "warning" | "note";

const NOTES: ReadonlySet<PolicyFinding["finding"]> = new Set<PolicyFinding["finding"]>([
  "every_sender",
  "every_audience",
  "every_mode",
  "unlimited_sessions",
  "mode_registry",
  "unknown_scopes",
  "denies_everything",
]);

/** How much a finding matters. */
export function gradeOf({ finding }: PolicyFinding): LintGrade {
  return NOTES.has(finding) ? "note" : "warning";
}

/** What is found of a rule, as the end of a line that begins with its place. */
export function findingText(finding: PolicyFinding): string {
  return `(${finding.name}) ${textOf(finding)}`;
}

function textOf(finding: PolicyFinding): string {
  switch (finding.finding) {
    case "caller_unknown":
      return `names the caller ${finding.caller}, which is not declared`;
    case "claim_never_given":
      return `gives nothing: no proof of its callers has the claim ${shown(finding.claim)}`;
    case "always_denied":
      return `gives nothing: the deny ${finding.deny} matches all of it`;
    case "shadowed":
      return `decides nothing: the grant ${finding.by} before it gives all of it to all of its callers`;
    case "ttl_beyond_service":
      return `gives at most ${String(finding.maxTtlSeconds)} s, and MACP_AUTH_MAX_TTL_SECONDS is less`;
    case "wildcard_beside_template":
      return `has ${shown(finding.sender)}: a wildcard beside a claim in one segment also matches agents of longer values; put a / between them`;
    case "invisible_sender":
      return `has a sender with a character or a space that cannot be seen: "${withInvisibleEscaped(finding.sender)}"`;
    default:
      return TEXTS[finding.finding];
  }
}

type WithFacts =
  | "caller_unknown"
  | "claim_never_given"
  | "always_denied"
  | "shadowed"
  | "ttl_beyond_service"
  | "wildcard_beside_template"
  | "invisible_sender";

const TEXTS: Readonly<Record<Exclude<PolicyFinding["finding"], WithFacts>, string>> = {
  bare_github_subject:
    "names a GitHub repository without its id: anyone who gets the name later is this caller; add repository_id",
  no_active_caller: "gives nothing: each of its callers is disabled, expired or without a proof",
  every_sender: 'gives tokens for every sender ("**")',
  every_audience: 'gives tokens for every audience ("**")',
  every_mode: "gives every mode",
  unlimited_sessions: "gives any number of open sessions",
  mode_registry: "lets agents register modes and policies for all",
  unknown_scopes: "passes on scopes that the runtime does not know today",
  denies_everything: "matches every request: nobody gets a token",
};
