import { z } from "zod";
import { epochSeconds } from "../../kernel/clock.ts";
import { type Jti, parseJti } from "../../kernel/ids.ts";
import { PublicJwk } from "../../keys/public-jwk.ts";
import type {
  ChangesFrom,
  RevocationChanges,
  RevocationRule,
  RevokedToken,
} from "../../ledger/revocation/revocation-store.ts";
import { SELECTOR_KINDS } from "../../ledger/revocation/selector.ts";

// What a mint and a guard of another process say to each other: both sides share these shapes.

const Epoch = z.int().min(-1);
const Moment = z.int().min(0);
const EpochText = z
  .string()
  .regex(/^(?:-1|\d{1,15})$/)
  .transform(Number);
const JTI_CHARACTERS_MAX = 64;
const ETAG_CHARACTERS_MAX = 128;
const REVOCATION_ID_CHARACTERS_MAX = 64;

/** The query of `GET /guard/feed`. */
export const FeedQuery = z.strictObject({
  after: EpochText.meta({
    description: "The number of the last revocation that is known, with all before it; -1: none.",
  }),
  jti: z.string().max(JTI_CHARACTERS_MAX).default("").meta({
    description: "`next.jti` of the page before: of the revocation after that number, up to which token.",
  }),
  last: z.string().max(REVOCATION_ID_CHARACTERS_MAX).optional().meta({
    description:
      "`last` of the page before: a store that was put back to an earlier state, or lost a revocation in a failover, may have another one under that number. Then the answer has `epoch` 0, and all is to be read again.",
  }),
  keys: z.string().max(ETAG_CHARACTERS_MAX).optional().meta({
    description: "`keys.etag` of the key set that is known: it is only sent when it is another one.",
  }),
});
export type FeedQuery = z.output<typeof FeedQuery>;

const Rule = z.strictObject({
  epoch: Epoch,
  kind: z.enum([...SELECTOR_KINDS, "undo"]),
  subject: z.string(),
  cut_off: Moment.nullable().meta({
    description: "What was issued in this second or before is stopped.",
  }),
  until: Moment.meta({ description: "When nothing is left for it to stop." }),
  ends: z.array(Epoch).meta({ description: "The revocations that no longer count." }),
});

const Token = z.strictObject({
  epoch: Epoch,
  jti: z
    .custom<Jti>((value) => typeof value === "string" && parseJti(value) !== undefined)
    .meta({ override: { type: "string" } }),
  until: Moment,
});

const Place = z.strictObject({ epoch: Epoch, jti: z.string().max(JTI_CHARACTERS_MAX) });

/** The answer: a page of what was revoked since, and the keys when they are others. */
export const FeedPage = z
  .strictObject({
    issuer: z.string().meta({ description: "The `iss` of the tokens that it is about." }),
    now: z.int().meta({ description: "Seconds since 1970, by this service's clock." }),
    age_ms: z.int().min(0).meta({ description: "How old this was when it was sent." }),
    epoch: Epoch.meta({ description: "All up to this number is known after this page." }),
    rules: z.array(Rule).meta({ description: "Revocations that stop more than the tokens below." }),
    tokens: z.array(Token).meta({ description: "Tokens that are stopped, each until it leaves the list." }),
    next: Place.nullable().meta({ description: "Where the next page begins; null: this was the last." }),
    last: z
      .string()
      .max(REVOCATION_ID_CHARACTERS_MAX)
      .optional()
      .meta({ description: "On the last page, which revocation has the number `epoch`." }),
    keys: z
      .strictObject({ etag: z.string().max(ETAG_CHARACTERS_MAX), keys: z.array(PublicJwk).min(1) })
      .optional()
      .meta({ description: "The public keys, when they are not those that are known." }),
  })
  .meta({ id: "GuardFeedPage" });
export type FeedPage = z.output<typeof FeedPage>;

/** The place in the changes that a query names. */
export function placeOf({ after, jti, last }: Pick<FeedQuery, "after" | "jti" | "last">): ChangesFrom {
  return { epoch: after + 1, jti, after: last };
}

/** The query of a place. */
export function queryAt({ epoch, jti, after: last }: ChangesFrom, etag: string | undefined): string {
  const query = new URLSearchParams({ after: String(epoch - 1) });
  if (jti !== "") query.set("jti", jti);
  if (last !== undefined) query.set("last", last);
  if (etag !== undefined) query.set("keys", etag);
  return query.toString();
}

/** A page as it is sent. */
export function sentPage({
  epoch,
  rules,
  tokens,
  next,
  last,
}: RevocationChanges): Pick<FeedPage, "epoch" | "rules" | "tokens" | "next" | "last"> {
  return {
    epoch,
    rules: rules.map(sentRule),
    tokens: tokens.map(sentToken),
    next: next === undefined ? null : { epoch: next.epoch, jti: next.jti },
    last,
  };
}

function sentRule({ epoch, kind, subject, cutOff, until, ends }: RevocationRule): FeedPage["rules"][number] {
  return { epoch, kind, subject, cut_off: cutOff ?? null, until, ends: [...ends] };
}

function sentToken({ epoch, jti, until }: RevokedToken): FeedPage["tokens"][number] {
  return { epoch, jti, until };
}

/** A page as it was before it was sent. */
export function changesIn({ epoch, rules, tokens, next, last, age_ms: ageMs }: FeedPage): RevocationChanges {
  return {
    epoch,
    rules: rules.map(({ cut_off: cutOff, until, ...rule }) => ({
      ...rule,
      cutOff: cutOff === null ? undefined : epochSeconds(cutOff),
      until: epochSeconds(until),
    })),
    tokens: tokens.map((token) => ({ ...token, until: epochSeconds(token.until) })),
    next: next ?? undefined,
    last,
    ageMs,
  };
}
