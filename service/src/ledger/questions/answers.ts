import { z } from "zod";
import { ENTRY_KINDS } from "../entry.ts";

// What is answered, to operators and on the command line alike.

const Text = z.string();
const Seconds = z.int().meta({ description: "Seconds since 1970." });
const Next = Text.nullable().meta({ description: "Where the next page begins; null: this was the last." });

/** An entry of the ledger. */
export const EntryAnswer = z
  .strictObject({
    chain: Text.meta({ description: "The chain that it stands in: one for each life of a process." }),
    seq: z.int().meta({ description: "Its place in the chain, from 1." }),
    at: z.int().meta({ description: "Milliseconds since 1970." }),
    kind: Text.meta({ description: `One of ${ENTRY_KINDS.join(", ")}.` }),
    hash: Text.meta({ description: "SHA-256 over the hash before it and its record." }),
    record: z.record(z.string(), z.unknown()).meta({
      description: "What was recorded, as docs/ledger.md lists it. Empty when it is not readable any more.",
    }),
  })
  .meta({ id: "LedgerEntry" });
export type EntryAnswer = z.infer<typeof EntryAnswer>;

export const EntriesAnswer = z
  .strictObject({ entries: z.array(EntryAnswer), next: Next })
  .meta({ id: "LedgerEntries" });
export type EntriesAnswer = z.infer<typeof EntriesAnswer>;

/** What a verifier that asks this service would think of a token. */
const TokenState = z.enum(["live", "revoked", "expired"]);
export type TokenState = z.infer<typeof TokenState>;
const StoppedBy = z.int().nullable().meta({
  description:
    "The number of a revocation that stops it, as `GET /revocations` shows it; null where it is not revoked.",
});

export const LiveAnswer = z
  .strictObject({
    now: Seconds,
    tokens: z.array(EntryAnswer).meta({ description: "The newest first." }),
    next: Next,
  })
  .meta({ id: "LiveTokens" });
export type LiveAnswer = z.infer<typeof LiveAnswer>;

export const LineageAnswer = z
  .strictObject({
    jti: Text,
    now: Seconds,
    tokens: z.array(
      z.strictObject({
        jti: Text,
        depth: z.int().meta({ description: "0: the token at the top." }),
        state: TokenState.nullable().meta({ description: "Null where there is no entry." }),
        stopped_by: StoppedBy,
        hidden: z.int().meta({ description: "How many tokens under it are not shown." }),
        entry: EntryAnswer.nullable().meta({ description: "Null: it was removed for its age." }),
      }),
    ),
    cut: z.boolean().meta({ description: "Whether there is more than is shown." }),
  })
  .meta({ id: "Lineage" });
export type LineageAnswer = z.infer<typeof LineageAnswer>;

export const TokensAnswer = z
  .strictObject({
    now: Seconds,
    tokens: z.array(z.strictObject({ state: TokenState, stopped_by: StoppedBy, entry: EntryAnswer })).meta({
      description: "None: this service did not issue it, or its entry was removed for its age.",
    }),
  })
  .meta({ id: "FoundTokens" });
export type TokensAnswer = z.infer<typeof TokensAnswer>;

export const CountsAnswer = z
  .strictObject({
    by: z.enum(["hour", "day"]),
    counts: z.array(
      z.strictObject({
        from: Seconds.meta({ description: "The hour or the day begins, in UTC: seconds since 1970." }),
        kind: Text,
        caller: Text.nullable().meta({ description: "Null: of all callers. Empty: of none." }),
        entries: z.int(),
      }),
    ),
    next: Next,
  })
  .meta({ id: "LedgerCounts" });
export type CountsAnswer = z.infer<typeof CountsAnswer>;
