import { z } from "zod";
import type { DeadAfter, DeadLetter, DeliveryFault } from "./event-cursors.ts";
import type { ListedReceiver } from "./operate-events.ts";

// What operators send and get: the admin listener, its OpenAPI description, `--json` and the command line share these shapes.

const Moment = z.int();
const Name = z.string().min(1).max(64);

const FAULT = {
  fault: z.string().nullable().meta({ description: "Why the last try failed; null: it did not." }),
  status: z.int().nullable().meta({ description: "What the receiver answered; null: nothing." }),
};

export const ReceiverLine = z
  .object({
    name: z.string(),
    is_declared: z.boolean().meta({ description: "False: it is not in the settings any more." }),
    audience: z.string().nullable(),
    behind: z.int().meta({ description: "Revocations that it has not got." }),
    epoch: z.int().nullable().meta({ description: "The revocation that it gets next; null: not known yet." }),
    failures: z.int().meta({ description: "Tries since the last one that succeeded." }),
    failing_since: Moment.nullable(),
    ...FAULT,
    dead: z.int().meta({ description: "Events that were given up." }),
  })
  .meta({ id: "EventReceiver" });
export type ReceiverLine = z.infer<typeof ReceiverLine>;

export const ReceiversReport = z.object({ receivers: z.array(ReceiverLine) }).meta({ id: "EventReceivers" });

export const DeadLine = z
  .object({
    receiver: z.string(),
    epoch: z.int(),
    part: z.int(),
    at: Moment.meta({ description: "When it was given up; seconds since 1970, by the store's clock." }),
    failures: z.int(),
    ...FAULT,
  })
  .meta({ id: "DeadEvent" });
export type DeadLine = z.infer<typeof DeadLine>;

export const DeadReport = z
  .object({
    dead: z.array(DeadLine),
    next: z.string().nullable().meta({ description: "`after` of the next page; null: this is the last." }),
  })
  .meta({ id: "DeadEvents" });

const AFTER = /^([a-z0-9._-]{1,64}):([0-9]{1,15}):([0-9]{1,15})$/;

/** The query of dead letters. */
export const DeadQuery = z.strictObject({
  receiver: Name.optional().meta({ description: "Only those of this receiver." }),
  after: z.string().regex(AFTER).optional().meta({ description: "`next` of the page before." }),
});

export const ReplayBody = z
  .strictObject({
    receiver: Name.meta({ description: "Whose dead letters are sent again." }),
    limit: z.int().min(1).max(20).default(20).meta({ description: "At most so many, the oldest first." }),
  })
  .meta({ id: "ReplayBody" });

export const ReplayAnswer = z
  .object({
    replayed: z.int(),
    left: z.int().meta({ description: "Dead letters that it still has." }),
    ...FAULT,
  })
  .meta({ id: "ReplayAnswer" });

export const TestBody = z.strictObject({ receiver: Name }).meta({ id: "EventTestBody" });

export const TestAnswer = z.object({ is_delivered: z.boolean(), ...FAULT }).meta({ id: "EventTestAnswer" });

/** Why a try failed, as operators see it. */
export function faultLine(fault: DeliveryFault | undefined): { fault: string | null; status: number | null } {
  return { fault: fault?.reason ?? null, status: fault?.status ?? null };
}

/** A receiver as operators see it. */
export function receiverLine({ name, declared, state, behind }: ListedReceiver): ReceiverLine {
  const known = state ?? NEVER_SENT;
  return {
    name,
    is_declared: declared !== undefined,
    audience: declared?.audience ?? null,
    behind,
    epoch: known.position?.epoch ?? null,
    failures: known.failures,
    failing_since: known.failingSince ?? null,
    ...faultLine(known.fault),
    dead: known.dead,
  };
}

const NEVER_SENT = { position: undefined, failures: 0, failingSince: undefined, fault: undefined, dead: 0 };

/** A dead letter as operators see it. */
export function deadLine({ receiver, position, at, failures, fault }: DeadLetter): DeadLine {
  return { receiver, epoch: position.epoch, part: position.part, at, failures, ...faultLine(fault) };
}

/** Where a page of dead letters ended, as a text. */
export function afterText({ receiver, position: { epoch, part } }: DeadLetter): string {
  return `${receiver}:${String(epoch)}:${String(part)}`;
}

/** Reads it; `undefined`: it is none. */
export function afterIn(text: string): DeadAfter | undefined {
  const [, receiver, epoch, part] = AFTER.exec(text) ?? [];
  return receiver === undefined ? undefined : { receiver, epoch: Number(epoch), part: Number(part) };
}
