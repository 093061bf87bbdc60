import { isIP } from "node:net";
import type { FetchFailureReason, Reach } from "../callers/fetch-document.ts";
import { isLoopback } from "../kernel/loopback.ts";
import { type AddressClass, addressClass } from "./address-class.ts";

const URL_CHARS_MAX = 2048;

/** Where a request goes, and which addresses its connection may have. */
export interface Target {
  readonly url: URL;
  readonly allowed: readonly AddressClass[];
}

/** Checks a URL: https, or http on this machine only; no credentials; an address in place of a name must be allowed by the reach. */
export function targetOf(text: string, reach: Reach): Target | FetchFailureReason {
  if (text.length > URL_CHARS_MAX || !URL.canParse(text)) return "url_invalid";
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") return "url_invalid";
  const isSecure = url.protocol === "https:";
  if (!isSecure && !(url.protocol === "http:" && isLoopback(url.hostname))) return "url_insecure";
  const allowed = allowedBy(reach, isSecure);
  // Node does not look an address up, so that the lookup's check would not see it.
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIP(host) !== 0 && !allowed.includes(addressClass(host))) return "address_forbidden";
  return { url, allowed };
}

/** Without TLS, whatever the name resolves to must be this machine. */
function allowedBy(reach: Reach, isSecure: boolean): readonly AddressClass[] {
  if (reach === "public") return isSecure ? ["public"] : [];
  return isSecure ? ["public", "private", "loopback"] : ["loopback"];
}
