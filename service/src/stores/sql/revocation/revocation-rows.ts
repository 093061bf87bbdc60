import { z } from "zod";
import { fromAscii, toAscii } from "../../../kernel/ascii.ts";
import { epochMs, epochSeconds } from "../../../kernel/clock.ts";
import { parseJti } from "../../../kernel/ids.ts";
import { indexKey } from "../../../ledger/entry-index.ts";
import {
  type Issuance,
  parseRevocationId,
  type RevokedToken,
  type StoredRevocation,
} from "../../../ledger/revocation/revocation-store.ts";
import { SELECTOR_KINDS } from "../../../ledger/revocation/selector.ts";
import { type Query, Whole } from "../database.ts";
import { insertRows } from "../insert-rows.ts";
import { read } from "../read-text.ts";

const Text = z.string().transform(fromAscii);
const Moment = Whole.transform(epochSeconds);
const WholeOrNothing = Whole.nullable().transform((value) => value ?? undefined);
const MomentOrNothing = Moment.nullable().transform((value) => value ?? undefined);

const RULE = {
  epoch: Whole,
  kind: z.enum([...SELECTOR_KINDS, "undo"]),
  subject: Text,
  cutOff: MomentOrNothing,
  until: Moment,
  ends: WholeOrNothing,
};
/** A row as a replica must know it: the columns of `RULE_COLUMNS`. */
export const RuleRow = z.object(RULE);
export const RULE_COLUMNS = 'epoch, kind, subject, cut_off AS "cutOff", stops_until AS until, ends';

/** A whole row: the columns of `REVOCATION_COLUMNS`. */
export const RevocationRow: z.ZodType<StoredRevocation> = z.object({
  ...RULE,
  id: read(parseRevocationId),
  at: Whole.transform(epochMs),
  by: Text,
  reason: Text,
  tokens: Whole,
  agents: Whole,
  endedBy: WholeOrNothing,
});
export const REVOCATION_COLUMNS = `${RULE_COLUMNS}, id, at_ms AS at, made_by AS by, reason, tokens, agents, ended_by AS "endedBy"`;

export const TokenRow: z.ZodType<RevokedToken> = z.object({
  epoch: Whole,
  jti: read(parseJti),
  until: Moment,
});

const Body = z.object({
  jti: read(parseJti),
  caller: z.string(),
  sender: z.string(),
  exp: z.number().transform(epochSeconds),
  run: z.string().optional(),
  parent: read(parseJti).optional(),
  root: read(parseJti).optional(),
  depth: z.number().optional(),
});

/** The record of a mint, as far as it says whose a token is. */
export const IssuanceRow = z.object({
  body: z.string().transform((body, context): Issuance => {
    const { data } = Body.safeParse(jsonOf(body));
    if (data !== undefined)
      return {
        ...data,
        run: data.run,
        parent: data.parent,
        root: data.root ?? data.jti,
        depth: data.depth ?? 0,
      };
    context.addIssue("another_form");
    return z.NEVER;
  }),
});

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** That one ended another, itself or by one between. */
export const EndingRow = z.object({ by: Whole, ended: Whole });

/** One that stands. */
export const StandingRow = z.object({ epoch: Whole });

/** What is left of a revocation that was ended. */
export const EndedRow = z.object({ epoch: Whole, cutOff: MomentOrNothing });

/** Writes a row. */
export async function insertRevocation(query: Query, row: StoredRevocation): Promise<void> {
  await insertRows(
    query,
    "revocations (epoch, id, at_ms, kind, subject, subject_key, cut_off, stops_until, made_by, reason, tokens, agents, ends, ended_by)",
    [
      [
        row.epoch,
        row.id,
        row.at,
        row.kind,
        toAscii(row.subject),
        indexKey(row.subject),
        row.cutOff ?? null,
        row.until,
        toAscii(row.by),
        toAscii(row.reason),
        row.tokens,
        row.agents,
        row.ends ?? null,
        row.endedBy ?? null,
      ],
    ],
  );
}
