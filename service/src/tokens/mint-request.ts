import { z } from "zod";
import type { Branded } from "../kernel/branded.ts";
import { parseSender, type Sender } from "../kernel/ids.ts";
import { type InexactNumber, inexactNumberIn } from "../scopes/exact-numbers.ts";
import { SCOPE_FIELDS, type ScopeField, Scopes } from "../scopes/scopes.ts";
import { fitIntoNoToken, TOKEN_BYTES_MAX } from "./token-size.ts";

/** How long the name of a run may be, in UTF-16 units. */
const RUN_CHARS_MAX = 128;

/** The body of `POST /tokens`: validation and documentation in one. Its members are checked in this order. */
export const MintRequestBody = z
  .looseObject({
    sender: z
      .string()
      // What trim() leaves something of, and the one way to say so in JSON Schema.
      .regex(/\S/)
      .meta({
        description: "The agent that the token speaks for; becomes `sub`, byte for byte.",
        examples: ["agent://planner"],
      }),
    scopes: Scopes.optional(),
    ttl_seconds: z
      .number()
      .positive()
      .nullish()
      .meta({
        description:
          "Requested TTL of the token. Rounded down to whole seconds, at least 1, at most the configured maximum.",
        examples: [300],
      }),
    audience: z
      .unknown()
      .optional()
      .meta({
        override: { type: "string" },
        description:
          "The runtime that the token is for, when a policy is in force; without it the audience of this service. Ignored otherwise.",
      }),
    run: z
      .unknown()
      .optional()
      .meta({
        override: { type: "string", minLength: 1, maxLength: RUN_CHARS_MAX },
        description:
          "A name of the caller's for what the token is part of: all tokens of a run are found and stopped by it. Only where tokens are recorded; ignored otherwise.",
      }),
    parent: z
      .unknown()
      .optional()
      .meta({
        override: { type: "string" },
        description:
          "A live token of this service. The new token stands under it: with no more scopes, no longer life and the same run, and it is stopped with it. Only where tokens are recorded; ignored otherwise.",
      }),
  })
  .meta({ id: "MintRequest" });

/** A request that is well-formed: only `parseMintRequest` makes one. */
export type MintRequest = Branded<
  {
    readonly sender: Sender;
    readonly scopes: Scopes;
    /** As requested: positive and finite, fractions allowed. `undefined` means the default. */
    readonly ttlSeconds: number | undefined;
    /** As requested; `undefined` means the service's own. Only a policy reads it. */
    readonly audience: string | undefined;
    readonly run: string | undefined;
    /** The text of a token, not verified. */
    readonly parent: string | undefined;
  },
  "MintRequest"
>;

/** Why a body is not a mint request. */
export type InvalidRequest =
  | {
      readonly reason:
        | "sender_required"
        | "ttl_invalid"
        | "audience_invalid"
        | "run_invalid"
        | "parent_invalid";
    }
  /** `field`: the one of a wrong type; `undefined`: scopes are no object. */
  | { readonly reason: "scopes_invalid"; readonly field: ScopeField | undefined }
  /** The member holds half of a surrogate pair. */
  | { readonly reason: "not_unicode"; readonly member: "sender" | "scopes" }
  /** A double cannot hold the number exactly, so it would not reach the token as it was sent. */
  | { readonly reason: "number_inexact"; readonly number: InexactNumber };

export type ParsedRequest =
  | { readonly kind: "request"; readonly request: MintRequest }
  | { readonly kind: "invalid"; readonly invalid: InvalidRequest };

/**
 * What becomes of the audience of a request: without a policy it is ignored, whatever it is; while a policy is observed nothing is
 * rejected for it; an enforced policy needs it to be one text.
 */
export type AudienceReading = "ignored" | "observed" | "required";

/**
 * Reads a mint request from a JSON body and its text; the first fault wins, in the order sender, scopes, ttl, audience, run, parent.
 * `isRecorded`: whether tokens are; otherwise run and parent are ignored, whatever they are.
 */
export function parseMintRequest(
  body: unknown,
  text: string,
  reading: AudienceReading,
  isRecorded = false,
): ParsedRequest {
  const parsed = MintRequestBody.safeParse(Array.isArray(body) ? {} : body);
  const wrongType = faultOfTypes(parsed.error);
  if (wrongType !== undefined && wrongType.reason !== "ttl_invalid") return invalid(wrongType);
  // Taken from the body itself and not from the schema's copy: a copy would lose a member of the scopes named __proto__.
  const { sender: name, scopes = {} } = body as { sender: string; scopes?: Scopes };
  const sender = parseSender(name);
  if (sender === undefined) return invalid({ reason: "not_unicode", member: "sender" });
  const fault = faultOfScopes(scopes, body, text) ?? wrongType;
  if (fault !== undefined) return invalid(fault);
  return requestOf(sender, scopes, parsed.data, { audience: reading, isRecorded });
}

function requestOf(
  sender: Sender,
  scopes: Scopes,
  { ttl_seconds: ttl, audience, run, parent }: Partial<z.infer<typeof MintRequestBody>> = {},
  reading: { readonly audience: AudienceReading; readonly isRecorded: boolean },
): ParsedRequest {
  const named = audienceOf(audience, reading.audience);
  if (named === undefined) return invalid({ reason: "audience_invalid" });
  const place = reading.isRecorded ? placeIn(run, parent) : NO_PLACE;
  if ("reason" in place) return invalid(place);
  const request = { sender, scopes, ttlSeconds: ttl ?? undefined, ...named, ...place };
  return { kind: "request", request: request as MintRequest };
}

type WrittenPlace = Pick<MintRequest, "run" | "parent">;
const NO_PLACE: WrittenPlace = { run: undefined, parent: undefined };

/** Where the request says that its token stands; null means absent, as for the other members. */
function placeIn(run: unknown, parent: unknown): WrittenPlace | InvalidRequest {
  const [named, above] = [run ?? undefined, parent ?? undefined];
  if (named !== undefined && !isRun(named)) return { reason: "run_invalid" };
  if (above !== undefined && (typeof above !== "string" || above === "")) return { reason: "parent_invalid" };
  return { run: named, parent: above };
}

function isRun(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= RUN_CHARS_MAX && value.isWellFormed();
}

/** One text, and never a list: RFC 8707 section 2 allows several, our tokens carry one. `undefined`: it must be rejected. */
function audienceOf(value: unknown, reading: AudienceReading): { audience: string | undefined } | undefined {
  if (reading === "ignored" || value === undefined || value === null) return { audience: undefined };
  if (typeof value === "string" && value.trim() !== "" && value.isWellFormed()) return { audience: value };
  // No grant has an empty audience.
  return reading === "observed" ? { audience: "" } : undefined;
}

/** The first member of a wrong type; a body that is not an object lacks a sender. */
function faultOfTypes(error: z.core.$ZodError | undefined): InvalidRequest | undefined {
  if (error === undefined) return undefined;
  const [member, field] = error.issues[0]?.path ?? [];
  switch (member) {
    case "scopes":
      return { reason: "scopes_invalid", field: SCOPE_FIELDS.find((known) => known === field) };
    case "ttl_seconds":
      return { reason: "ttl_invalid" };
    default:
      return { reason: "sender_required" };
  }
}

/** Why scopes of the right types cannot be signed as they were sent. */
function faultOfScopes(scopes: Scopes, body: unknown, text: string): InvalidRequest | undefined {
  if (!isUnicode(scopes)) return { reason: "not_unicode", member: "scopes" };
  // `mint` rejects these for their size, which it says. Checking each of their numbers would delay every other request.
  if (text.length > TOKEN_BYTES_MAX && fitIntoNoToken(JSON.stringify(scopes))) return undefined;
  const number = inexactNumberIn(text, body, "scopes");
  return number && { reason: "number_inexact", number };
}

/** Whether every text inside, names included, is well-formed Unicode. Recursion is bounded by the body's nesting limit. */
function isUnicode(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isUnicode(inner));
}

function invalid(reason: InvalidRequest): ParsedRequest {
  return { kind: "invalid", invalid: reason };
}
