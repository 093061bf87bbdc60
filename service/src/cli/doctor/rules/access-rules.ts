import { warningsOf } from "../../../wiring/access/document-warnings.ts";
import { counted } from "../../terminal/count.ts";
import type { ConfigurationFacts } from "../facts/configuration-facts.ts";
import { type Finding, fail, ok, type Rule, skip, warn } from "../finding.ts";

type AccessFacts = Pick<ConfigurationFacts, "settings" | "access">;

/** The access document, and the secrets beside it, are those that a start would accept. */
function accessIsValid({ settings, access }: AccessFacts): readonly Finding[] {
  const check = "access";
  if (settings.kind === "rejected" || access.kind === "unknown") return [];
  if (access.kind === "rejected") return access.faults.map((fault) => fail(check, fault));
  const { mode, file } = settings.settings.access;
  if (mode === "off")
    return file === undefined
      ? []
      : [skip(check, "the access document is not read: MACP_AUTH_CALLER_AUTH is off")];
  const { callers, issuers } = access.loaded.registry;
  return [
    ok(check, `${mode}: ${counted(callers.length, "declared caller")}, ${counted(issuers.length, "issuer")}`),
  ];
}

/** A document that declares roles expects different rights for different operators. */
function rolesAreAskedFor({ settings, access }: AccessFacts): readonly Finding[] {
  if (settings.kind === "rejected" || access.kind !== "loaded") return [];
  const { admin } = settings.settings;
  const hasRoles = access.loaded.registry.callers.some(({ role }) => role !== undefined);
  if (admin === undefined || admin.token !== undefined || !hasRoles) return [];
  return [
    warn(
      "operator-roles",
      "callers have roles, but the admin listener has no token: every program of this machine has the role security there, without a proof",
      "set MACP_AUTH_ADMIN_TOKEN_FILE, and give that token to nobody who has a role of their own",
    ),
  ];
}

/** What a start warns of in the document, such as assertions that only this process remembers. */
function startWarnsOfNothing({ settings, access }: AccessFacts): readonly Finding[] {
  if (settings.kind === "rejected" || access.kind !== "loaded") return [];
  const { keys, tokens } = settings.settings;
  const isUseStored = keys.source.kind === "managed" && keys.source.store.kind !== "memory";
  return [
    ...warningsOf(access.loaded, tokens.issuer, isUseStored).map(({ event, message }) =>
      warn(event.replaceAll("_", "-"), message),
    ),
    ...access.loaded.warnings.map((message) => warn("limits-settings", message)),
  ];
}

export const ACCESS_RULES: readonly Rule<AccessFacts>[] = [
  accessIsValid,
  rolesAreAskedFor,
  startWarnsOfNothing,
];
