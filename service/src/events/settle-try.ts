import type { RevocationEvent } from "./event.ts";
import type { ReceiverState, Settled } from "./event-cursors.ts";
import { type EventPosition, startOf } from "./event-position.ts";
import { type Verdict, waitAfter } from "./judge-answer.ts";

/** When an event is given up. */
export interface GiveUpRules {
  /** Both the event and the failure of its receiver must be this old. */
  readonly giveUpSeconds: number;
}

/** So often a receiver must say that it will never accept an event: one that starts may answer anything. */
const NEVER_TIMES = 3;

/** What comes after an event. */
function positionAfter({ position, next }: Pick<RevocationEvent, "position" | "next">): EventPosition {
  return next ?? startOf(position.epoch + 1);
}

/** What becomes of a receiver after a try with an event. `chance`: from 0 to 1, for the wait. */
export function settleTry(
  { failures: before, failingSince, now }: Pick<ReceiverState, "failures" | "failingSince" | "now">,
  event: RevocationEvent,
  verdict: Verdict,
  { giveUpSeconds }: GiveUpRules,
  chance: number,
): Settled {
  if (verdict.kind === "delivered") return delivered(event);
  const failures = before + 1;
  const since = failingSince ?? now;
  const { fault } = verdict;
  const isOld = now - since >= giveUpSeconds && now - event.revocation.at / 1_000 >= giveUpSeconds;
  if (verdict.kind === "never" && failures >= NEVER_TIMES)
    // What is wrong is the event, not the receiver.
    return { ...delivered(event), dead: { failures, fault } };
  if (isOld) return { ...delivered(event), failures, failingSince: since, fault, dead: { failures, fault } };
  const asked = verdict.kind === "later" ? verdict.retryAfterSeconds : undefined;
  return {
    position: event.position,
    failures,
    failingSince: since,
    fault,
    waitSeconds: waitAfter(failures, chance, asked),
    dead: undefined,
  };
}

/** The receiver has the event, or is not to get it. */
export function delivered(event: Pick<RevocationEvent, "position" | "next">): Settled {
  return {
    position: positionAfter(event),
    failures: 0,
    failingSince: undefined,
    fault: undefined,
    waitSeconds: 0,
    dead: undefined,
  };
}
