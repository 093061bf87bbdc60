import type { FetchFailed, FetchOptions } from "../callers/fetch-document.ts";
import { exchange, type OutboundDeps, type Reply } from "./exchange.ts";

/** Posts a security event token (RFC 8935 section 2) to a receiver, and gives what it answers, whatever its status is. */
export function postEvent(
  deps: OutboundDeps,
): (url: string, event: string, options: Omit<FetchOptions, "mediaTypes">) => Promise<Reply | FetchFailed> {
  return (url, event, options) =>
    exchange(deps, {
      url,
      options: { ...options, mediaTypes: ["application/json", "*/*"] },
      body: { text: event, mediaType: "application/secevent+jwt" },
      isExpected: () => true,
      // A receiver that says that it has the event may say anything more, without end.
      ignoresBody: (status) => status >= 200 && status < 300,
    });
}
