import type { FetchDocument, PostDocument } from "../callers/fetch-document.ts";
import { exchange, type OutboundDeps } from "./exchange.ts";

/** Fetches documents of issuers over this machine's network. */
export function fetchDocument(deps: OutboundDeps): FetchDocument {
  return (url, options) => exchange(deps, { url, options, json: undefined, statuses: [200] });
}

/** Posts JSON to the API server of a cluster. */
export function postDocument(deps: OutboundDeps): PostDocument {
  return (url, json, options) => exchange(deps, { url, options, json, statuses: [200, 201] });
}
