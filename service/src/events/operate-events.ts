import type { Random } from "../kernel/random.ts";
import type { PurposeSigner } from "../keys/purposes/purpose-keys.ts";
import { verificationClaims } from "./event.ts";
import type { DeliveryFault, ReceiverState } from "./event-cursors.ts";
import { judgeAnswer } from "./judge-answer.ts";
import { readEvent } from "./read-event.ts";
import type { EventReceiver } from "./receiver.ts";
import { type SendDeps, signedEvent } from "./send-pending.ts";
import { signEvent } from "./sign-event.ts";

/** What operators ask of the events. */
export interface OperateEventsDeps
  extends Pick<SendDeps, "cursors" | "store" | "deliver" | "issuer" | "clock" | "lastEpoch"> {
  readonly signer: () => Promise<PurposeSigner>;
  readonly receivers: () => readonly EventReceiver[];
  readonly random: Random;
}

/** A receiver that is declared, or that events were once sent to. */
export interface ListedReceiver {
  readonly name: string;
  /** `undefined`: it is not declared any more. */
  readonly declared: EventReceiver | undefined;
  /** `undefined`: nothing was sent to it yet. */
  readonly state: ReceiverState | undefined;
  /** Revocations that it has not got. */
  readonly behind: number;
}

/** All receivers, by name. */
export async function listReceivers({
  receivers,
  cursors,
  lastEpoch,
}: OperateEventsDeps): Promise<readonly ListedReceiver[]> {
  const states = new Map((await cursors.states()).map((state) => [state.receiver, state]));
  const declared = new Map(receivers().map((receiver) => [receiver.name, receiver]));
  return [...new Set([...declared.keys(), ...states.keys()])].toSorted().map((name) => {
    const state = states.get(name);
    const behind = state === undefined ? 0 : Math.max(0, lastEpoch() + 1 - state.position.epoch);
    return { name, declared: declared.get(name), state, behind };
  });
}

export type Replayed =
  | {
      readonly kind: "replayed";
      readonly replayed: number;
      /** Dead letters that the receiver still has. */
      readonly left: number;
      /** Why the last try failed; `undefined`: none did. */
      readonly fault: DeliveryFault | undefined;
    }
  | { readonly kind: "unknown" };

/**
 * Sends the dead letters of a receiver again, the oldest first, at most `limit` and until one fails. They come after events that
 * happened later. Rejects with `StoreUnavailable`.
 */
export async function replayDead(deps: OperateEventsDeps, name: string, limit: number): Promise<Replayed> {
  const receiver = deps.receivers().find((one) => one.name === name);
  if (receiver === undefined) return { kind: "unknown" };
  let replayed = 0;
  let fault: DeliveryFault | undefined;
  for (const { position } of await deps.cursors.dead(name, undefined, limit)) {
    const event = await readEvent(deps.store, position);
    if (event !== undefined) {
      const signed = await signedEvent(deps, receiver, event, await deps.signer());
      const verdict = judgeAnswer(await deps.deliver(receiver, signed));
      if (verdict.kind !== "delivered") {
        fault = verdict.fault;
        break;
      }
      replayed += 1;
    }
    await deps.cursors.forget(name, position);
  }
  const left = (await deps.cursors.states()).find((state) => state.receiver === name)?.dead ?? 0;
  return { kind: "replayed", replayed, left, fault };
}

export type Tested =
  | { readonly kind: "tested"; readonly fault: DeliveryFault | undefined }
  | { readonly kind: "unknown" };

/** Sends a receiver an event that means nothing, once. */
export async function testReceiver(deps: OperateEventsDeps, name: string): Promise<Tested> {
  const receiver = deps.receivers().find((one) => one.name === name);
  if (receiver === undefined) return { kind: "unknown" };
  const { issuer, clock, random, signer } = deps;
  const state = random.bytes(12).toString("base64url");
  const claims = verificationClaims(receiver, { issuer, now: clock.now() }, state);
  const verdict = judgeAnswer(await deps.deliver(receiver, await signEvent(await signer(), claims)));
  return { kind: "tested", fault: verdict.kind === "delivered" ? undefined : verdict.fault };
}
