import { z } from "zod";
import { parseSender, type Sender } from "../kernel/ids.ts";
import { printable } from "../kernel/printable.ts";
import { type InexactNumber, inexactNumberIn } from "./exact-numbers.ts";
import { Scopes } from "./scopes.ts";
import { fitIntoNoToken, TOKEN_BYTES_MAX } from "./token-size.ts";

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
  readonly reason: "sender_required" | "scopes_invalid" | "ttl_invalid" | "not_unicode" | "number_inexact";
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

/** Reads a mint request from a JSON body and its text; the first fault wins, in the order sender, scopes, ttl. */
export function parseMintRequest(body: unknown, text: string): ParsedRequest {
  const parsed = MintRequestBody.safeParse(Array.isArray(body) ? {} : body);
  const issue = parsed.error?.issues[0];
  if (issue !== undefined && issue.path[0] !== "ttl_seconds") return invalidBy(issue);
  // Taken from the body itself and not from the schema's copy: a copy would lose a member of the scopes named __proto__.
  const { sender: name, scopes = {} } = body as { sender: string; scopes?: Scopes };
  const sender = parseSender(name);
  if (sender === undefined)
    return invalid("not_unicode", "sender holds half of a surrogate pair, which is not Unicode text");
  const unsound = faultOfScopes(scopes, body, text);
  if (unsound !== undefined) return unsound;
  if (!parsed.success) return invalidBy(issue);
  return { kind: "request", request: { sender, scopes, ttlSeconds: parsed.data.ttl_seconds ?? undefined } };
}

/** Why scopes of the right types cannot be signed as they were sent. */
function faultOfScopes(scopes: Scopes, body: unknown, text: string): ParsedRequest | undefined {
  if (!isUnicode(scopes))
    return invalid("not_unicode", "scopes hold half of a surrogate pair, which is not Unicode text");
  // `mint` refuses these for their size, which it says. A look at each of their numbers would hold up every other request.
  if (text.length > TOKEN_BYTES_MAX && fitIntoNoToken(JSON.stringify(scopes))) return undefined;
  const inexact = inexactNumberIn(text, body, "scopes");
  return inexact && invalid("number_inexact", wordsFor(inexact));
}

const PATH_CHARS_MAX = 120;
const NUMBER_CHARS_MAX = 40;

function wordsFor({ path, written }: InexactNumber): string {
  return `${printable(cut(path, PATH_CHARS_MAX))} is ${cut(written, NUMBER_CHARS_MAX)}, which a double cannot hold exactly; send another number, or a string`;
}

function cut(text: string, charsMax: number): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
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
