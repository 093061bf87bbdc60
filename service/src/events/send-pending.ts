import type { Clock, Stopwatch } from "../kernel/clock.ts";
import type { Random } from "../kernel/random.ts";
import type { PurposeSigner } from "../keys/purposes/purpose-keys.ts";
import type { RevocationStore } from "../ledger/revocation/revocation-store.ts";
import { type RevocationEvent, revocationClaims } from "./event.ts";
import type { DeliveryFault, EventCursors, Holder, ReceiverState } from "./event-cursors.ts";
import type { EventPosition } from "./event-position.ts";
import {
  type DeliveryAnswer,
  judgeAnswer,
  LONGEST_WAIT_SECONDS,
  type NotDelivered,
  type Verdict,
} from "./judge-answer.ts";
import { readEvent } from "./read-event.ts";
import type { EventReceiver } from "./receiver.ts";
import { delivered, type GiveUpRules, settleTry } from "./settle-try.ts";
import { signEvent } from "./sign-event.ts";

/** Port. Posts one event. Answers within `TRY_SECONDS_MAX` whatever the receiver does; never rejects because of it. */
export type Deliver = (receiver: EventReceiver, event: string) => Promise<DeliveryAnswer | NotDelivered>;

/** Is notified of what becomes of events. */
export interface EventWatch {
  delivered(receiver: string, position: EventPosition): void;
  failed(receiver: string, position: EventPosition, failures: number, fault: DeliveryFault): void;
  /** It is given up. */
  dead(receiver: string, position: EventPosition, failures: number, fault: DeliveryFault): void;
}

export interface SendDeps extends GiveUpRules {
  readonly cursors: EventCursors;
  readonly store: Pick<RevocationStore, "list" | "changes">;
  /** `undefined`: no key may sign at the moment, and what is to be sent waits. */
  readonly signer: () => Promise<PurposeSigner | undefined>;
  readonly deliver: Deliver;
  readonly issuer: string;
  readonly clock: Clock;
  readonly stopwatch: Stopwatch;
  readonly random: Random;
  readonly watch: EventWatch;
  /** The number of the last revocation that is known. */
  readonly lastEpoch: () => number;
  /** Of this process. */
  readonly holder: Holder;
}

/** How long one process has a receiver. Another one waits so long for a process that was killed. */
const LEASE_SECONDS = 15;
/** The longest that a try takes. */
const TRY_SECONDS_MAX = 5;
/** No try begins later than this in a lease: it would end after another process may have begun. */
const BEGIN_SECONDS_MAX = LEASE_SECONDS - TRY_SECONDS_MAX - 2;

/** Where a receiver is when a round ends, and when to come back if there is more. */
export interface RoundEnd {
  readonly state: ReceiverState;
  readonly waitSeconds: number;
}

/**
 * Sends a receiver what it has not got yet, one event after the other, until it has everything, one try fails or `isStopping`. Another
 * process may be doing so: then nothing is sent. Rejects with `StoreUnavailable`; what was sent and not recorded is sent again.
 */
export async function sendPending(
  deps: SendDeps,
  receiver: EventReceiver,
  isStopping: () => boolean,
): Promise<RoundEnd> {
  const { cursors, holder, stopwatch } = deps;
  const claim = async () => {
    const began = stopwatch.elapsed();
    const claimed = await cursors.claim(receiver.name, holder, LEASE_SECONDS, deps.lastEpoch() + 1);
    return { ...claimed, began };
  };
  let { kind, state, began } = await claim();
  if (kind === "held") return { state, waitSeconds: 1 };
  const mayBegin = (): boolean => stopwatch.elapsed() - began <= BEGIN_SECONDS_MAX;
  try {
    while (!isStopping()) {
      const waitSeconds = waitLeft(state);
      if (waitSeconds > 0) return { state, waitSeconds };
      if (state.position.epoch > deps.lastEpoch()) break;
      if (!mayBegin()) {
        ({ kind, state, began } = await claim());
        if (kind === "held") return { state, waitSeconds: 1 };
      }
      const after = await sendNext(deps, receiver, state, mayBegin);
      if (after === undefined) return { state, waitSeconds: 1 };
      state = after;
    }
    return { state, waitSeconds: 0 };
  } finally {
    await cursors.release(receiver.name, holder);
  }
}

/** A wait that is longer than any was noted while the clock was ahead: it is over. */
function waitLeft({ nextTryAt, now }: ReceiverState): number {
  const left = nextTryAt - now;
  return left > LONGEST_WAIT_SECONDS ? 0 : left;
}

/**
 * One try with the next event; `undefined`: there is none, none can be signed, or another process has the receiver now. Nothing happens when it took too long
 * to make the event, and the lease may end before the try.
 */
async function sendNext(
  deps: SendDeps,
  receiver: EventReceiver,
  state: ReceiverState,
  mayBegin: () => boolean,
): Promise<ReceiverState | undefined> {
  const { position } = state;
  const event = await readEvent(deps.store, position);
  if (event === undefined) return undefined;
  const settle = (settled: Parameters<EventCursors["settle"]>[3]) =>
    deps.cursors.settle(receiver.name, deps.holder, position, settled);
  if (!receiver.kinds.includes(event.revocation.kind))
    return settle(delivered({ position, next: undefined }));
  const signer = await deps.signer();
  if (signer === undefined) return undefined;
  const signed = await signedEvent(deps, receiver, event, signer);
  if (!mayBegin()) return state;
  const verdict = judgeAnswer(await deps.deliver(receiver, signed));
  const settled = settleTry(state, event, verdict, deps, chanceOf(deps.random));
  const after = await settle(settled);
  if (after !== undefined) report(deps.watch, receiver.name, position, verdict, settled);
  return after;
}

/** The event as a receiver gets it. */
export async function signedEvent(
  { issuer, clock }: Pick<SendDeps, "issuer" | "clock">,
  receiver: EventReceiver,
  event: RevocationEvent,
  signer: PurposeSigner,
): Promise<string> {
  const claims = revocationClaims(event, receiver, { issuer, now: clock.now() });
  return signEvent(signer, claims);
}

function report(
  watch: EventWatch,
  receiver: string,
  position: EventPosition,
  verdict: Verdict,
  { failures, dead }: ReturnType<typeof settleTry>,
): void {
  if (verdict.kind === "delivered") watch.delivered(receiver, position);
  else if (dead !== undefined) watch.dead(receiver, position, dead.failures, dead.fault);
  else watch.failed(receiver, position, failures, verdict.fault);
}

/** From 0 to 1. */
function chanceOf(random: Random): number {
  return random.bytes(4).readUInt32BE() / 2 ** 32;
}
