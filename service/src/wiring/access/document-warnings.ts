import { DEFAULT_ISSUER } from "../../config/settings.ts";
import type { Log } from "../../telemetry/log.ts";
import type { AccessDocument } from "./read-document.ts";

const MESSAGES = {
  assertions_in_memory:
    "used client assertions (private_key_jwt) are only remembered in memory: one is accepted again after a restart, and by another replica, until it expires; use managed keys in a SQLite or PostgreSQL store",
  common_audience: `callers prove themselves with tokens for the audience ${DEFAULT_ISSUER}, which every other deployment with the default name accepts too, so that one could use at another what it is sent; give each issuer an audience of this deployment, and for private_key_jwt set MACP_AUTH_ISSUER`,
} as const;

type Warning = keyof typeof MESSAGES;

/**
 * Logs what the operator should know of a document that can be used, each once in a process. `isUseStored`: whether used assertions
 * outlive this process, and other replicas know them.
 */
export function documentWarner(
  log: Log,
  ownIssuer: string,
  isUseStored: boolean,
): (document: AccessDocument | undefined) => void {
  const given = new Set<Warning>();
  return (document) => {
    if (document === undefined) return;
    for (const { event, message } of warningsOf(document, ownIssuer, isUseStored)) {
      if (!given.has(event)) log.warn({ event, message });
      given.add(event);
    }
  };
}

/** What the operator should know of the callers that are declared. */
export function warningsOf(
  { registry }: Pick<AccessDocument, "registry">,
  ownIssuer: string,
  isUseStored: boolean,
): readonly { readonly event: Warning; readonly message: string }[] {
  const hasAssertions = registry.callers.some(({ assertionKeys }) => assertionKeys.length > 0);
  const isCommon =
    (hasAssertions && ownIssuer === DEFAULT_ISSUER) ||
    registry.issuers.some(({ audience }) => audience === DEFAULT_ISSUER);
  const events = [
    ...(hasAssertions && !isUseStored ? ["assertions_in_memory" as const] : []),
    ...(isCommon ? ["common_audience" as const] : []),
  ];
  return events.map((event) => ({ event, message: MESSAGES[event] }));
}
