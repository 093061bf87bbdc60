import { z } from "zod";
import { parseKid } from "../../kernel/ids.ts";
import { ALGORITHMS } from "../algorithm.ts";
import { KEY_STATES } from "../key-state.ts";
import type { Acceptance } from "./plan/plan-operation.ts";

// What operators send and get: the admin listener, its OpenAPI description, `--json` and the command line share these shapes.

const Text = z.string().max(1_000);
const Moment = z.int();
const MaybeMoment = Moment.nullable();

/** What can happen to a key next. */
const NEXT_EVENTS = ["becomes_ready", "begins_to_sign", "stops_signing", "leaves_jwks", "none"] as const;
export type NextEvent = (typeof NEXT_EVENTS)[number];

/** One key as an operator sees it. Moments are seconds since 1970, of the store's clock; null: not yet, or not planned. */
export const KeyLine = z
  .object({
    kid: Text,
    alg: Text,
    state: z.enum(KEY_STATES),
    served: z.boolean(),
    signs: z.boolean(),
    published_from: Moment,
    ready_from: MaybeMoment,
    signing_from: MaybeMoment,
    retiring_from: MaybeMoment,
    removable_from: MaybeMoment,
    gone_from: MaybeMoment,
    last_exp: MaybeMoment,
    reason: Text.nullable(),
    next: z.object({ event: z.enum(NEXT_EVENTS), what: Text, at: MaybeMoment }).meta({
      description:
        "What happens to the key next: `event` is its code, `what` says it in words; `at` is null if this depends on an event and not on the clock.",
    }),
  })
  .meta({ id: "Key" });
export type KeyLine = z.infer<typeof KeyLine>;

export const VerifierLine = z
  .object({
    address: Text,
    user_agent: Text,
    version: z.int().meta({ description: "The newest version of the set that it has received." }),
    seen_at: Moment,
    fetches: z.int(),
    min_interval_seconds: z
      .int()
      .nullable()
      .meta({ description: "The shortest time between two of its fetches; null after one fetch." }),
    slower_than_declared: z.boolean().meta({
      description:
        "It fetched 20 times, but never within the declared cache time + 10 s: it has little traffic, or caches the set for longer than declared.",
    }),
    up_to_date: z.boolean().meta({ description: "Whether it has received the current set." }),
  })
  .meta({ id: "Verifier" });
export type VerifierLine = z.infer<typeof VerifierLine>;

/** Fetches of one version of the set by verifiers that are not tracked; `address` is that of the latest. */
export const UntrackedLine = z
  .object({ version: z.int(), address: Text, seen_at: Moment, fetches: z.int() })
  .meta({ id: "UntrackedFetches" });
export type UntrackedLine = z.infer<typeof UntrackedLine>;

/** The whole picture: what is served, what signs, what happens next. */
export const KeysReport = z
  .object({
    version: z.int(),
    now: Moment.meta({ description: "The store's clock." }),
    keys: z.array(KeyLine),
    verifiers: z.array(VerifierLine),
    untracked: z.array(UntrackedLine),
  })
  .meta({ id: "KeysReport" });
export type KeysReport = z.infer<typeof KeysReport>;

/** One key, before the words of what happens next are added. */
export type KeyFacts = Omit<KeyLine, "next"> & { readonly next: Omit<KeyLine["next"], "what"> };
/** The report, before the words are added. */
export type KeysFacts = Omit<KeysReport, "keys"> & { readonly keys: readonly KeyFacts[] };

/** What an operation did, or why it did nothing. */
export const OperationAnswer = z
  .object({
    done: z.boolean(),
    changes: z.array(z.object({ change: Text, kid: Text })).exactOptional(),
    rejected: z.object({ reason: Text, outage: Text, accept: Text.exactOptional() }).exactOptional().meta({
      description: "The outage that it would cause, and what to put into `accept` to do it anyway.",
    }),
    still_accepted: z
      .object({ refreshing_seconds: z.int(), in_grace_seconds: z.int() })
      .exactOptional()
      .meta({ description: "After a revocation: how long verifiers may still accept tokens of the key." }),
    verifiers_not_seen_since: z.array(VerifierLine).exactOptional(),
    untracked_since: z.array(UntrackedLine).exactOptional(),
  })
  .meta({ id: "OperationAnswer" });
export type OperationAnswer = z.infer<typeof OperationAnswer>;

const ACCEPTANCES = [
  "grace-risk",
  "short-lead",
  "verifiers-behind",
  "live-tokens",
] as const satisfies readonly Acceptance[];

/** The reason that is stored when an operator gives none, as RFC 5280 section 5.3.1 names it. */
export const REASON_UNSPECIFIED = "unspecified";

const accept = z.array(z.enum(ACCEPTANCES)).default([]).meta({ description: "Outages that are accepted." });
const reason = z.string().min(1).max(200).default(REASON_UNSPECIFIED);
const kid = z.string().transform((text, context) => {
  const read = parseKid(text);
  if (read === undefined) context.addIssue("not_a_kid");
  return read ?? z.NEVER;
});

/** The bodies of the key operations; unknown members are rejected: a mistyped `accept` must not pass. */
export const OPERATION_BODIES = {
  prepare: z.strictObject({ alg: z.enum(ALGORITHMS).optional(), accept }).meta({ id: "PrepareBody" }),
  rotate: z.strictObject({ accept }).meta({ id: "RotateBody" }),
  activate: z.strictObject({ kid: kid.optional(), accept }).meta({ id: "ActivateBody" }),
  taint: z.strictObject({ kid, reason, accept }).meta({ id: "TaintBody" }),
  revoke: z.strictObject({ kid, reason, accept }).meta({ id: "RevokeBody" }),
  retire: z.strictObject({ kid, accept }).meta({ id: "RetireBody" }),
  reseal: z.strictObject({ accept }).meta({ id: "ResealBody" }),
} as const;
