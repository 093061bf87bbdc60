import { z } from "zod";
import { type EpochMs, epochMs, epochSeconds } from "../../kernel/clock.ts";
import { ENTRY_KINDS } from "../entry.ts";
import { parseCursor } from "./cursor.ts";
import { type Count, type Holder, PAGE_MAX } from "./ledger-questions.ts";

// What is asked, as texts: the members of a query string, and the options of the command line.

const DEFAULT_LIMIT = 50;
const TEXT_CHARACTERS_MAX = 16_384;
const Text = z
  .string()
  .min(1)
  .max(TEXT_CHARACTERS_MAX)
  .refine((text) => text.isWellFormed());
/** A token id, a key id or a digest: what a store compares byte for byte. */
const Id = z.string().regex(/^[\x21-\x7e]{1,256}$/);
const Limit = z
  .string()
  .regex(/^[1-9]\d{0,2}$/)
  .transform(Number)
  .refine((limit) => limit <= PAGE_MAX)
  .default(DEFAULT_LIMIT)
  .meta({
    description: `At most so many, up to ${String(PAGE_MAX)}. A page may have fewer and yet not be the last.`,
  });
const After = z
  .string()
  .transform((text, context) => {
    const cursor = parseCursor(text);
    if (cursor !== undefined) return cursor;
    context.addIssue("no_cursor");
    return z.NEVER;
  })
  .optional()
  .meta({ description: "The `next` of the page before." });
const Moment = z
  .union([
    z
      .string()
      .regex(/^\d{1,12}$/)
      .transform((text) => epochMs(Number(text) * 1_000)),
    z.iso.datetime({ offset: true }).transform((text) => epochMs(Date.parse(text))),
  ])
  .meta({ description: "Seconds since 1970, or RFC 3339." });
const Kind = z.enum(ENTRY_KINDS);

/** Which entries: those that match every member. */
export const EntriesQuery = z.strictObject({
  kind: Kind.optional(),
  sender: Text.optional().meta({ description: "The agent that a token speaks for, or that was revoked." }),
  caller: Text.optional().meta({ description: "Who asked for a token, or revoked something." }),
  run: Text.optional(),
  jti: Id.optional().meta({
    description: "A token id: how it was issued, and how it was revoked by that id, and undone.",
  }),
  kid: Text.optional().meta({ description: "The key that signed, or that was revoked." }),
  reason: Text.optional().meta({ description: "Why there was no token, or why something was revoked." }),
  from: Moment.optional(),
  to: Moment.optional(),
  limit: Limit,
  after: After,
});
export type EntriesQuery = z.output<typeof EntriesQuery>;

/** Whose tokens: exactly one of sender, caller and run. */
export const LiveQuery = z.strictObject({
  sender: Text.optional().meta({ description: "Tokens that speak for this agent." }),
  caller: Text.optional().meta({ description: "Tokens that this caller asked for." }),
  run: Text.optional().meta({ description: "Tokens of this run." }),
  limit: Limit,
  after: After,
});
export type LiveQuery = z.output<typeof LiveQuery>;

/** Whose tokens a query asks for; `undefined`: of none, or of several. */
export function holderOf({
  sender,
  caller,
  run,
}: Pick<LiveQuery, "sender" | "caller" | "run">): Holder | undefined {
  const holders: readonly (Holder | undefined)[] = [
    sender === undefined ? undefined : { kind: "sender", sender },
    caller === undefined ? undefined : { kind: "caller", caller },
    run === undefined ? undefined : { kind: "run", run },
  ];
  const [holder, another] = holders.filter((one) => one !== undefined);
  return another === undefined ? holder : undefined;
}

export const DigestQuery = z.strictObject({
  digest: z
    .string()
    .regex(/^[\w-]{43}$/)
    .meta({ description: "SHA-256 of the token's first two parts with the dot between them, base64url." }),
});

/** How many entries there are. Without a time: of the last day by hour, of the last 30 days by day. */
export const CountsQuery = z.strictObject({
  by: z.enum(["hour", "day"]).default("hour"),
  by_caller: z.literal("true").optional().meta({ description: "Also apart for each caller." }),
  kind: Kind.optional(),
  caller: Text.optional(),
  from: Moment.optional(),
  to: Moment.optional(),
  after: z
    .string()
    .transform((text, context) => {
      const count = countOf(text);
      if (count !== undefined) return count;
      context.addIssue("no_cursor");
      return z.NEVER;
    })
    .optional()
    .meta({ description: "The `next` of the page before." }),
});
export type CountsQuery = z.output<typeof CountsQuery>;

const DAY_MS = 86_400_000;
const SPANS_MS: Readonly<Record<CountsQuery["by"], { readonly usual: number; readonly longest: number }>> = {
  hour: { usual: DAY_MS, longest: 31 * DAY_MS },
  day: { usual: 30 * DAY_MS, longest: 366 * DAY_MS },
};

/** The time that counts are asked for; `undefined`: more than the longest, or none. */
export function spanOf(
  { by, from, to }: Pick<CountsQuery, "by" | "from" | "to">,
  now: EpochMs,
): { readonly from: EpochMs; readonly to: EpochMs } | undefined {
  const { usual, longest } = SPANS_MS[by];
  const end = to ?? epochMs(from === undefined ? now + 1 : Math.min(now + 1, from + usual));
  const begin = from ?? epochMs(end - usual);
  return begin < end && end - begin <= longest ? { from: begin, to: end } : undefined;
}

/** Where counts end. */
export function cursorAfter({ from, kind, caller }: Count): string {
  return Buffer.from(JSON.stringify([from, kind, caller ?? ""])).toString("base64url");
}

const CountParts = z.tuple([z.int().min(0), z.string().max(64), z.string().max(TEXT_CHARACTERS_MAX)]);

function countOf(text: string): Count | undefined {
  try {
    const { data } = CountParts.safeParse(JSON.parse(Buffer.from(text, "base64url").toString()));
    return data && { from: epochSeconds(data[0]), kind: data[1], caller: data[2], entries: 0 };
  } catch {
    return undefined;
  }
}
