import type {
  DeadAfter,
  DeadLetter,
  EventCursors,
  Holder,
  ReceiverState,
} from "../../events/event-cursors.ts";
import { startOf } from "../../events/event-position.ts";
import { Impossible } from "../../kernel/assert.ts";
import { after, type Clock, type EpochSeconds, epochSeconds } from "../../kernel/clock.ts";

interface Held {
  readonly state: Omit<ReceiverState, "dead" | "now">;
  readonly holder: Holder | undefined;
  readonly heldUntil: EpochSeconds;
}

/** Where each receiver is, in the memory of a process. */
export function memoryEventCursors(clock: Clock): EventCursors {
  const receivers = new Map<string, Held>();
  let letters: readonly DeadLetter[] = [];
  const stateOf = (receiver: string): ReceiverState => {
    const held = receivers.get(receiver);
    if (held === undefined) throw new Impossible(`no receiver ${receiver}`);
    const dead = letters.filter((letter) => letter.receiver === receiver).length;
    return { ...held.state, dead, now: clock.now() };
  };
  return {
    async claim(receiver, holder, seconds, start) {
      const now = clock.now();
      const held = receivers.get(receiver) ?? newReceiver(receiver, start);
      const isOver = held.heldUntil <= now || held.heldUntil > after(now, seconds);
      const isFree = held.holder === undefined || held.holder === holder || isOver;
      receivers.set(receiver, isFree ? { ...held, holder, heldUntil: after(now, seconds) } : held);
      return { kind: isFree ? "claimed" : "held", state: stateOf(receiver) };
    },
    async settle(receiver, holder, from, { dead, waitSeconds, ...settled }) {
      const held = receivers.get(receiver);
      const at = held?.state.position;
      if (held?.holder !== holder || at?.epoch !== from.epoch || at.part !== from.part) return undefined;
      const nextTryAt = after(clock.now(), waitSeconds);
      receivers.set(receiver, { ...held, state: { receiver, ...settled, nextTryAt } });
      if (dead !== undefined) letters = [...letters, { receiver, position: from, at: clock.now(), ...dead }];
      return stateOf(receiver);
    },
    async release(receiver, holder) {
      const held = receivers.get(receiver);
      if (held?.holder === holder)
        receivers.set(receiver, { ...held, holder: undefined, heldUntil: epochSeconds(0) });
    },
    states: async () => [...receivers.keys()].toSorted().map(stateOf),
    dead: async (receiver, from, limit) =>
      letters
        .filter((letter) => receiver === undefined || letter.receiver === receiver)
        .filter((letter) => from === undefined || compare(placeOf(letter), from) > 0)
        .toSorted((one, other) => compare(placeOf(one), placeOf(other)))
        .slice(0, limit),
    async forget(receiver, { epoch, part }) {
      const left = letters.filter((letter) => compare(placeOf(letter), { receiver, epoch, part }) !== 0);
      const isGone = left.length < letters.length;
      letters = left;
      return isGone;
    },
  };
}

function newReceiver(receiver: string, start: number): Held {
  return {
    state: {
      receiver,
      position: startOf(start),
      failures: 0,
      failingSince: undefined,
      fault: undefined,
      nextTryAt: epochSeconds(0),
    },
    holder: undefined,
    heldUntil: epochSeconds(0),
  };
}

function placeOf({ receiver, position: { epoch, part } }: DeadLetter): DeadAfter {
  return { receiver, epoch, part };
}

function compare(one: DeadAfter, other: DeadAfter): number {
  if (one.receiver !== other.receiver) return one.receiver < other.receiver ? -1 : 1;
  return one.epoch - other.epoch || one.part - other.part;
}
