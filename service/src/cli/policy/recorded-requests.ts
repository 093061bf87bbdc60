import { z } from "zod";
import { ALGORITHMS } from "../../keys/algorithm.ts";
import type { RecordedRequest } from "../../policy/review/diff-policies.ts";
import type { OpenDocument } from "../access/open-document.ts";
import { requestOf } from "./read-requests.ts";

/** What a line tells of a request. The service's own log has the first three members; a member of another type counts as absent. */
const Line = z.object({
  event: z.string().optional(),
  caller: z.string(),
  sender: z.string(),
  ttl_seconds: z.number().positive().optional().catch(undefined),
  audience: z.string().optional().catch(undefined),
  alg: z.enum(ALGORITHMS).optional().catch(undefined),
  scopes: z.looseObject({}).default({}).catch({}),
  claims: z.record(z.string(), z.string()).default({}).catch({}),
});

/** The lines of the log that are of a request for a token. */
const EVENTS: ReadonlySet<unknown> = new Set(["token_minted", "mint_refused"]);

/** Requests that were recorded, one JSON object a line. */
export interface Recorded {
  readonly requests: readonly RecordedRequest[];
  /** Lines of requests without a sender, or of a caller that is not declared. */
  readonly leftOut: number;
}

/** A log may begin with lines of other programs. */
const LINES_LOOKED_AT = 20;

/** Whether a text is lines of JSON objects, such as the service's log; what a collector puts before an object does not matter. */
export function isRecorded(text: string): boolean {
  const [first, ...others] = text.split("\n", LINES_LOOKED_AT).map(objectIn);
  if (first !== undefined) return !("version" in first);
  return others.some((object) => object !== undefined && "event" in object);
}

/** Reads the recorded requests. Lines of other events are no requests. */
export function readRecorded(text: string, document: OpenDocument): Recorded {
  const objects = text
    .split("\n")
    .map(objectIn)
    .filter((object) => object !== undefined);
  const ofRequests = objects.filter((object) => !("event" in object) || EVENTS.has(object["event"]));
  const requests = ofRequests.flatMap((object) => recordedIn(object, document) ?? []);
  return { requests, leftOut: ofRequests.length - requests.length };
}

function recordedIn(object: object, document: OpenDocument): RecordedRequest | undefined {
  const { data } = Line.safeParse(object);
  if (data === undefined) return undefined;
  const sender = data.event === undefined ? data.sender : unescaped(data.sender);
  const read = requestOf({ ...data, sender }, document);
  return typeof read === "string" ? undefined : read;
}

function objectIn(line: string): Readonly<Record<string, unknown>> | undefined {
  const start = line.indexOf("{");
  if (start === -1) return undefined;
  try {
    const value: unknown = JSON.parse(line.slice(start));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The log writes what cannot be printed, and the backslash, as `\\u{hex}`. */
function unescaped(text: string): string {
  return text.replace(/\\u\{([0-9a-f]{1,6})\}/g, (written, hex: string) => {
    const code = Number.parseInt(hex, 16);
    return code > 0x10_ffff ? written : String.fromCodePoint(code);
  });
}
