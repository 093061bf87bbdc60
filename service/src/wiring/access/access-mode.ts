import type { AccessSettings, CallerAuthMode } from "../../config/settings.ts";
import type { AccessDocument } from "./read-document.ts";

/** Whether callers are asked: a document that has limits or receivers of events and nothing else asks nobody, unless a setting says so. */
export function modeOf(
  { mode, isModeGiven, sharedSecret }: AccessSettings,
  document: AccessDocument | undefined,
): CallerAuthMode {
  return document?.asksNobody === true && !isModeGiven && sharedSecret === undefined ? "off" : mode;
}
