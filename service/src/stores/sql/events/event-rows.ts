import { z } from "zod";
import type { DeadLetter, DeliveryFault, ReceiverState } from "../../../events/event-cursors.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { epochSeconds } from "../../../kernel/clock.ts";
import { Whole } from "../database.ts";

const Moment = Whole.transform(epochSeconds);
const OrNothing = Whole.nullable().transform((value) => value ?? undefined);
const POSITION = { epoch: Whole, part: Whole, after: z.string() };

/** A row of a receiver: the columns of `STATE_COLUMNS`. */
export const StateRow = z.object({
  receiver: z.string(),
  ...POSITION,
  failures: Whole,
  failingSince: Moment.nullable().transform((value) => value ?? undefined),
  fault: z.string().nullable(),
  status: OrNothing,
  nextTryAt: Moment,
  dead: Whole,
});
export const STATE_COLUMNS = `r.receiver, r.epoch, r.part, r.after_jti AS "after", r.failures, r.failing_since AS "failingSince", r.fault, r.status,
  r.next_try_at AS "nextTryAt", (SELECT count(*) FROM event_dead_letters d WHERE d.receiver = r.receiver) AS dead`;

/** What a row says. */
export function stateIn(row: z.infer<typeof StateRow>, now: EpochSeconds): ReceiverState {
  const { receiver, epoch, part, after, failures, failingSince, fault, status, nextTryAt, dead } = row;
  return {
    receiver,
    position: { epoch, part, after },
    failures,
    failingSince,
    fault: fault === null ? undefined : faultOf(fault, status),
    nextTryAt,
    dead,
    now,
  };
}

/** A row of a dead letter: the columns of `LETTER_COLUMNS`. */
export const LetterRow = z
  .object({
    receiver: z.string(),
    ...POSITION,
    at: Moment,
    failures: Whole,
    fault: z.string(),
    status: OrNothing,
  })
  .transform(
    ({ receiver, epoch, part, after, at, failures, fault, status }): DeadLetter => ({
      receiver,
      position: { epoch, part, after },
      at,
      failures,
      fault: faultOf(fault, status),
    }),
  );
export const LETTER_COLUMNS = 'receiver, epoch, part, after_jti AS "after", at, failures, fault, status';

function faultOf(reason: string, status: number | undefined): DeliveryFault {
  return { reason, status };
}
