import { z } from "zod";
import { printable } from "../../kernel/printable.ts";
import { KEY_STATES } from "../../keys/key-state.ts";
import type { KeysReport, OperationAnswer } from "../../keys/managed/key-report.ts";

// What an admin listener answers is read as carefully as any text from outside: it is about to be printed on a terminal.

const Text = z.string().max(1_000).transform(printable);
const Moment = z.int().nullable();

const Verifier = z.object({
  address: Text,
  user_agent: Text,
  version: z.int(),
  seen_at: z.int(),
  fetches: z.int(),
  min_interval_seconds: Moment,
  slower_than_declared: z.boolean(),
  up_to_date: z.boolean(),
});

const Key = z.object({
  kid: Text,
  alg: Text,
  state: z.enum(KEY_STATES),
  served: z.boolean(),
  signs: z.boolean(),
  published_from: z.int(),
  ready_from: Moment,
  signing_from: Moment,
  retiring_from: Moment,
  removable_from: Moment,
  gone_from: Moment,
  last_exp: Moment,
  reason: Text.nullable(),
  next: z.object({ what: Text, at: Moment }),
});

const Untracked = z.object({ version: z.int(), address: Text, seen_at: z.int(), fetches: z.int() });

const Report = z.object({
  version: z.int(),
  now: z.int(),
  keys: z.array(Key),
  verifiers: z.array(Verifier),
  untracked: z.array(Untracked),
});

const Answer = z.object({
  done: z.boolean(),
  changes: z.array(z.object({ change: Text, kid: Text })).exactOptional(),
  refused: z.object({ reason: Text, outage: Text, accept: Text.exactOptional() }).exactOptional(),
  dies: z.object({ refreshing_seconds: z.int(), in_grace_seconds: z.int() }).exactOptional(),
  verifiers_not_seen_since: z.array(Verifier).exactOptional(),
  untracked_since: z.array(Untracked).exactOptional(),
});

/** Reads the answer to `GET /keys`, its texts made harmless; `undefined` when it is none. */
export function readReport(body: unknown): KeysReport | undefined {
  return Report.safeParse(body).data;
}

/** Reads the answer to a key operation, its texts made harmless; `undefined` when it is none. */
export function readAnswer(body: unknown): OperationAnswer | undefined {
  return Answer.safeParse(body).data;
}
