import { DEFAULT_CALLER, parseCallerId } from "../../callers/caller.ts";
import { type AccessFault, readYaml } from "../../config/access/read-yaml.ts";
import type { Algorithm } from "../../keys/algorithm.ts";
import type { Expectation, ExpectedDecision } from "../../policy/review/check-expectations.ts";
import type { RecordedRequest } from "../../policy/review/diff-policies.ts";
import type { OpenDocument } from "../access/open-document.ts";
import { shown } from "../terminal/shown.ts";
import { readAsked } from "./asked.ts";
import { ExpectationsText, type Expected, RequestsText, type RequestText } from "./request-shapes.ts";

/** Items of a document that were read, each with its place, or a line for each fault. */
export type ItemsRead<Item> =
  | {
      readonly kind: "read";
      readonly items: readonly {
        readonly item: Item;
        /** `FILE:LINE:COLUMN`. */
        readonly at: string;
        readonly title: string;
      }[];
    }
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

const NAMES = "docs/cli.md";

/** What a request is read against. */
type Declared = Pick<OpenDocument, "registry" | "settings">;

/** Reads a table of expectations for a policy. */
export function readExpectations(file: string, text: string, document: Declared): ItemsRead<Expectation> {
  const read = readYaml(file, text, ExpectationsText, NAMES);
  if (read.kind === "rejected") return read;
  const { value, lineOf } = read;
  return itemsOf("expectations", value.expectations, document, lineOf, (asked, { expect }) => ({
    ...asked,
    expected: expectedOf(expect),
  }));
}

/** Reads a list of requests; a table of expectations is one too. */
export function readRequests(file: string, text: string, document: Declared): ItemsRead<RecordedRequest> {
  const table = readYaml(file, text, ExpectationsText, NAMES);
  if (table.kind === "read")
    return itemsOf("expectations", table.value.expectations, document, table.lineOf, (asked) => asked);
  const read = readYaml(file, text, RequestsText, NAMES);
  if (read.kind === "rejected") return read;
  return itemsOf("requests", read.value.requests, document, read.lineOf, (asked) => asked);
}

function itemsOf<Text extends RequestText, Item>(
  list: string,
  texts: readonly Text[],
  document: Declared,
  lineOf: (fault: AccessFault) => string,
  itemOf: (asked: RecordedRequest, text: Text) => Item,
): ItemsRead<Item> {
  const faults: string[] = [];
  const items = texts.flatMap((text, index) => {
    const read = requestOf(text, document);
    if (typeof read === "string") {
      faults.push(lineOf({ place: [list, index], text: read }));
      return [];
    }
    const at = lineOf({ place: [list, index], text: "" }).split(" ")[0] ?? "";
    return [{ item: itemOf(read, text), at, title: text.name ?? `${text.caller} ${text.sender}` }];
  });
  return faults.length > 0 ? { kind: "rejected", faults } : { kind: "read", items };
}

/** The request that a person wrote, or what is wrong with it. */
export function requestOf(text: RequestText, { registry, settings }: Declared): RecordedRequest | string {
  const caller = parseCallerId(text.caller);
  const isOfSettings = caller === DEFAULT_CALLER && settings.access.sharedSecret !== undefined;
  if (caller === undefined || (!isOfSettings && !registry.callers.some(({ id }) => id === caller)))
    return `has the caller ${shown(text.caller)}, which the access document does not declare`;
  const read = readAsked({
    caller,
    claims: text.claims,
    body: bodyOf(text),
    alg: algOf(text, settings.keys.alg),
  });
  return read.kind === "asked" ? read.asked : `is answered with 400 by the service: ${read.why}`;
}

function algOf({ alg }: RequestText, ofService: Algorithm): Algorithm {
  return alg ?? ofService;
}

/** The body that `POST /tokens` would get. */
function bodyOf({ sender, scopes, ttl_seconds, audience }: Omit<RequestText, "caller" | "claims">): string {
  return JSON.stringify({ sender, scopes, ttl_seconds, audience });
}

function expectedOf(expect: Expected): ExpectedDecision {
  if (expect === "allowed") return { kind: "granted" };
  if (expect === "rejected") return { kind: "rejected" };
  if ("rejected" in expect) {
    const { reason } = expect.rejected;
    return { kind: "rejected", ...(reason && { reason }) };
  }
  const { grant, scopes, ttl_seconds: ttlSeconds, audience, narrowed } = expect.allowed;
  return {
    kind: "granted",
    ...(grant !== undefined && { grant }),
    ...(scopes !== undefined && { scopes }),
    ...(ttlSeconds !== undefined && { ttlSeconds }),
    ...(audience !== undefined && { audience }),
    ...(narrowed !== undefined && { narrowed }),
  };
}
