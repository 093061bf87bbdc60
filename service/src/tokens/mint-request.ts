import { z } from "zod";
import { parseSender, type Sender } from "../kernel/ids.ts";
import { Scopes } from "./scopes.ts";

const NOT_POSITIVE = "ttl_seconds must be a positive number";

/** The body of `POST /tokens`: validation and documentation in one. Its members are checked in this order. */
export const MintRequestBody = z
  .looseObject({
    sender: z
      .string({ error: "sender is required" })
      // What trim() leaves something of, and the one way to say so in JSON Schema.
      .regex(/\S/, { error: "sender is required" })
      .meta({
        description: "The agent that the token speaks for; becomes `sub`, byte for byte.",
        examples: ["agent://planner"],
      }),
    scopes: Scopes.optional(),
    ttl_seconds: z
      .number({ error: NOT_POSITIVE })
      .positive({ error: NOT_POSITIVE })
      .nullish()
      .meta({
        description:
          "Wished life of the token. Rounded down to whole seconds, at least 1, at most the configured ceiling.",
        examples: [300],
      }),
  })
  .meta({ id: "MintRequest" });

/** A request that may be minted, once a policy allows it. */
export interface MintRequest {
  readonly sender: Sender;
  readonly scopes: Scopes;
  /** As asked for: positive and finite, fractions allowed. `undefined` means the default. */
  readonly ttlSeconds: number | undefined;
}

/** Why a body is not a mint request. `text` is for the caller and names the member. */
export interface InvalidRequest {
  readonly reason: "sender_required" | "scopes_invalid" | "ttl_invalid" | "not_unicode";
  readonly text: string;
}

export type ParsedRequest =
  | { readonly kind: "request"; readonly request: MintRequest }
  | { readonly kind: "invalid"; readonly invalid: InvalidRequest };

const REASONS: Readonly<Record<string, InvalidRequest["reason"]>> = {
  sender: "sender_required",
  scopes: "scopes_invalid",
  ttl_seconds: "ttl_invalid",
};

/** Reads a mint request from a parsed JSON body; the first fault wins, in the order sender, scopes, ttl. */
export function parseMintRequest(body: unknown): ParsedRequest {
  const parsed = MintRequestBody.safeParse(Array.isArray(body) ? {} : body);
  if (!parsed.success) return invalidBy(parsed.error.issues[0]);
  const sender = parseSender(parsed.data.sender);
  if (sender === undefined)
    return invalid("not_unicode", "sender holds half of a surrogate pair, which is not Unicode text");
  // The scopes are taken from the body itself and not from the schema's copy: a copy would lose a member named __proto__.
  const scopes = (body as { scopes?: Scopes }).scopes ?? {};
  if (!isUnicode(scopes))
    return invalid("not_unicode", "scopes hold half of a surrogate pair, which is not Unicode text");
  return { kind: "request", request: { sender, scopes, ttlSeconds: parsed.data.ttl_seconds ?? undefined } };
}

function invalidBy(issue: z.core.$ZodIssue | undefined): ParsedRequest {
  return invalid(
    REASONS[String(issue?.path[0])] ?? "sender_required",
    issue?.message ?? "sender is required",
  );
}

/** Whether every text inside, names included, is well-formed Unicode. Recursion is bounded by the body's nesting limit. */
function isUnicode(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([name, inner]) => name.isWellFormed() && isUnicode(inner));
}

function invalid(reason: InvalidRequest["reason"], text: string): ParsedRequest {
  return { kind: "invalid", invalid: { reason, text } };
}
