import type { FetchDocument, FetchFailed, PostDocument } from "../callers/fetch-document.ts";
import { exchange, keptConnections, type OutboundDeps } from "./exchange.ts";

/** Fetches documents of issuers over this machine's network. */
export function fetchDocument(deps: OutboundDeps): FetchDocument {
  return (url, options) =>
    exchange(deps, { url, options, body: undefined, isExpected: (status) => status === 200 });
}

/** Posts JSON to the API server of a cluster. */
export function postDocument(deps: OutboundDeps): PostDocument {
  return (url, json, options) =>
    exchange(deps, { url, options, body: jsonOf(json), isExpected: (status) => [200, 201].includes(status) });
}

/** Fetches from the operator's own mint, on whatever network it is, over a connection that stays open. */
export function fetchFromMint(deps: OutboundDeps, bytesMax: number): FetchDocument {
  const kept = keptConnections();
  return (url, options) =>
    exchange(
      { ...deps, kept },
      { url, options, body: undefined, isExpected: (status) => status === 200, bytesMax },
    );
}

/** Posts a note to the witness of an operator, on whatever network it is. What it answers beside its status is not read. */
export function postNote(
  deps: OutboundDeps,
): (url: string, json: string) => Promise<FetchFailed | undefined> {
  const options = { reach: "private", ca: undefined, mediaTypes: ["*/*"] } as const;
  return async (url, json) => {
    const isExpected = (status: number) => [200, 201, 202, 204].includes(status);
    const answer = await exchange(deps, { url, options, body: jsonOf(json), isExpected });
    return answer.kind === "failed" ? answer : undefined;
  };
}

function jsonOf(text: string): { readonly text: string; readonly mediaType: string } {
  return { text, mediaType: "application/json" };
}
