import { z } from "zod";
import { parseCallerId } from "../../callers/caller.ts";
import { parseJti, parseKid, parseSender } from "../../kernel/ids.ts";
import type { Reach, StoredRevocation } from "./revocation-store.ts";
import { SELECTOR_KINDS, type Selector } from "./selector.ts";

// What operators send and get: the admin listener, its OpenAPI description, `--json` and the command line share these shapes.

const Text = z.string();
const Moment = z.int();
const TOKEN_CHARACTERS_MAX = 16_384;
const RUN_CHARACTERS_MAX = 128;
const REASON_CHARACTERS_MAX = 500;

const SELECTOR = {
  jti: Text.optional().meta({ description: "One token, by its id." }),
  token: Text.max(TOKEN_CHARACTERS_MAX).optional().meta({
    description: "One token, by its text: only its id is read and kept; it is not verified.",
  }),
  sender: Text.optional().meta({ description: "Everything that was issued for this sender until now." }),
  run: Text.min(1)
    .max(RUN_CHARACTERS_MAX)
    .optional()
    .meta({ description: "All tokens of this run, which gets no new ones." }),
  caller: Text.optional().meta({ description: "Everything that this caller had issued until now." }),
  kid: Text.optional().meta({
    description: "Everything that this key signed; the key leaves the JWKS. Needs the role `security`.",
  }),
  root: Text.optional().meta({
    description: "The whole tree of tokens that the token with this id belongs to.",
  }),
};

/** Of a key. */
const Accept = z
  .array(z.enum(["grace-risk", "short-lead", "verifiers-behind"]))
  .default([])
  .meta({ description: "Of a key: outages that are accepted, as in `POST /keys/revoke`." });

/** What to stop: exactly one member. */
const SelectorShape = z.strictObject(SELECTOR);
export type SelectorBody = z.infer<typeof SelectorShape>;

/** What would be stopped. */
export const PreviewBody = SelectorShape.extend({ accept: Accept }).meta({ id: "RevocationPreviewBody" });

/** What to stop, and why. */
export const RevocationBody = z
  .strictObject({
    ...SELECTOR,
    reason: Text.min(1).max(REASON_CHARACTERS_MAX).meta({ description: "Why: it is recorded." }),
    accept: Accept,
  })
  .meta({ id: "RevocationBody" });

export const UndoBody = z
  .strictObject({ reason: Text.min(1).max(REASON_CHARACTERS_MAX) })
  .meta({ id: "UndoBody" });

/** How much is stopped, or would be. */
export const ReachAnswer = z
  .object({
    tokens: z.int().meta({ description: "That have not expired." }),
    agents: z.int().meta({ description: "Senders that they speak for." }),
  })
  .meta({ id: "RevocationReach" }) satisfies z.ZodType<Reach>;

/** What the revocation of a key would do to the JWKS. */
const KeyPreview = z
  .object({
    changes: z.array(z.object({ change: Text, kid: Text })).meta({
      description:
        "What would become of keys: `revoke`, and `activate` of the next one. None where it is rejected.",
    }),
    rejected: z.object({ reason: Text, outage: Text, accept: Text.exactOptional() }).nullable().meta({
      description: "The outage that it would cause, and what to put into `accept` to do it anyway.",
    }),
    still_accepted: z
      .object({ refreshing_seconds: z.int(), in_grace_seconds: z.int() })
      .nullable()
      .meta({ description: "How long verifiers that only have the JWKS may still accept its tokens." }),
  })
  .meta({ id: "KeyRevocationPreview" });
export type KeyPreview = z.infer<typeof KeyPreview>;

/** What a revocation would do. */
export const PreviewAnswer = ReachAnswer.extend({
  key: KeyPreview.nullable().meta({ description: "Of a key that is served; else null." }),
}).meta({ id: "RevocationPreview" });

/** `epoch` is the number of the revocation: what undoes it, and what replicas say that they know. */
export const RevocationAnswer = ReachAnswer.extend({
  epoch: z.int().meta({ description: "Its number, with which it is undone." }),
}).meta({ id: "RevocationAnswer" });

export const RevocationLine = RevocationAnswer.extend({
  at: Moment.meta({ description: "Seconds since 1970, by the store's clock." }),
  door: z.enum([...SELECTOR_KINDS, "undo"]),
  subject: Text,
  cut_off: Moment.nullable().meta({ description: "What was issued in this second or before is stopped." }),
  until: Moment.meta({
    description: "When nothing is left for it to stop. Of a run, which gets no new tokens: the year 9999.",
  }),
  by: Text,
  reason: Text,
  ends: z.int().nullable().meta({ description: "The revocation that it undoes, or takes the place of." }),
  ended_by: z.int().nullable().meta({ description: "What undid it, or took its place; null: it stands." }),
}).meta({ id: "Revocation" });
export type RevocationLine = z.infer<typeof RevocationLine>;

export const RevocationsReport = z
  .object({
    revocations: z.array(RevocationLine),
    next: z.int().nullable().meta({ description: "`before` of the next page; null: this is the last." }),
  })
  .meta({ id: "Revocations" });
export type RevocationsReport = z.infer<typeof RevocationsReport>;

/** A stored revocation as an operator sees it. */
export function lineOf(stored: StoredRevocation): RevocationLine {
  const { epoch, at, kind, subject, cutOff, until, by, reason, tokens, agents, ends, endedBy } = stored;
  return {
    epoch,
    at: Math.floor(at / 1_000),
    door: kind,
    subject,
    cut_off: cutOff ?? null,
    until,
    by,
    reason,
    tokens,
    agents,
    ends: ends ?? null,
    ended_by: endedBy ?? null,
  };
}

/** The one selector of a body; `undefined`: there is none, more than one, or one that cannot name anything. */
export function selectorIn(body: SelectorBody): Selector | undefined {
  const { jti, token, sender, run, caller, kid, root } = body;
  const given = [jti, token, sender, run, caller, kid, root].filter((value) => value !== undefined);
  if (given.length !== 1) return undefined;
  if (run !== undefined) return run.isWellFormed() ? { kind: "run", run } : undefined;
  return (
    named("jti", jti ?? idIn(token), parseJti) ??
    named("sender", sender, parseSender) ??
    named("caller", caller, parseCallerId) ??
    named("kid", kid, parseKid) ??
    (root === undefined ? undefined : rootIn(root))
  );
}

function named<Kind extends "jti" | "sender" | "caller" | "kid">(
  kind: Kind,
  text: string | undefined,
  parse: (text: string) => string | undefined,
): Extract<Selector, { kind: Kind }> | undefined {
  const name = text === undefined ? undefined : parse(text);
  return name === undefined ? undefined : ({ kind, [kind]: name } as Extract<Selector, { kind: Kind }>);
}

function rootIn(text: string): Selector | undefined {
  const jti = parseJti(text);
  return jti === undefined ? undefined : { kind: "root", jti };
}

const Payload = z.object({ jti: z.string() });

/** The id in the text of a token, which is not verified: an operator says what to stop. */
export function idIn(token: string | undefined): string | undefined {
  const [, payload = "", signature] = token?.trim().split(".") ?? [];
  if (signature === undefined) return undefined;
  try {
    return Payload.safeParse(JSON.parse(Buffer.from(payload, "base64url").toString())).data?.jti;
  } catch {
    return undefined;
  }
}
