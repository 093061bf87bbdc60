import type { Settings } from "../../config/settings.ts";
import { EventSender, type ReceiverFigures } from "../../events/event-sender.ts";
import type { OperateEventsDeps } from "../../events/operate-events.ts";
import type { EventReceiver } from "../../events/receiver.ts";
import type { EventWatch } from "../../events/send-pending.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { RevokeDeps } from "../../ledger/revocation/revoke.ts";
import { eventCursors } from "../../stores/event-cursors.ts";
import type { Log } from "../../telemetry/log.ts";
import { seldom } from "../../telemetry/seldom.ts";
import type { KeyUpkeep, UpkeepLoop } from "../key-upkeep.ts";
import type { KnownRevocations } from "../ledger/open-revocation.ts";
import { openPurposeKeys } from "../open-purpose-keys.ts";
import { faultMembers } from "../words/store-fault-words.ts";
import { deliverWith } from "./deliver.ts";
import { REFRESH_SECONDS, servedKeys } from "./served-keys.ts";

/** The events of a running service. */
export interface OpenEvents {
  readonly loops: readonly UpkeepLoop[];
  /** What operators ask; `undefined`: nobody is sent events. */
  readonly operating: OperateEventsDeps | undefined;
  /** The key set that verifies events, as JSON, once it was read; `undefined` as above. */
  readonly jwks: (() => string | undefined) | undefined;
  figures(): readonly ReceiverFigures[];
  /** Adds one that is notified of what becomes of events. */
  watch(watch: EventWatch): void;
  /** Reads the keys, or makes the first one, as far as the store lets it. Never rejects. */
  load(): Promise<void>;
  /** Begins no try any more. Never rejects. */
  close(): Promise<void>;
}

/** What events are made of. */
export interface EventSource {
  readonly revocation: RevokeDeps | undefined;
  revocations(): KnownRevocations | undefined;
}

const NO_EVENTS: OpenEvents = {
  loops: [],
  operating: undefined,
  jwks: undefined,
  figures: () => [],
  watch: () => undefined,
  load: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
const LOOK_MS = 200;
const FAULTS_EVERY_MS = 10_000;

/**
 * Opens the events, when something is recorded and somebody is to get them at startup. `receivers`: those of now, which may change
 * afterwards.
 */
export function openEvents(
  { events, tokens }: Pick<Settings, "events" | "tokens">,
  receivers: () => readonly EventReceiver[],
  { database, sealing }: Pick<KeyUpkeep, "database" | "sealing">,
  source: EventSource,
  machine: Machine,
  log: Log,
): OpenEvents {
  const { revocation } = source;
  if (receivers().length === 0 || revocation === undefined) return NO_EVENTS;
  if (database === undefined || sealing === undefined) return NO_EVENTS;
  const { clock, stopwatch, random, timers } = machine;
  const keys = openPurposeKeys("events", { database, sealing }, () => clock.nowMs());
  const atTimes = seldom(timers, FAULTS_EVERY_MS);
  const faulted = (receiver: string | undefined, thrown: unknown): void => {
    atTimes(() => {
      log.error({ event: "events_unavailable", receiver, ...faultMembers(thrown) });
    });
  };
  const served = servedKeys(keys, { stopwatch, nowMs: () => clock.nowMs() });
  const watches: EventWatch[] = [loggingWatch(log)];
  const shared = {
    cursors: eventCursors(database, clock),
    store: revocation.store,
    deliver: deliverWith(timers),
    issuer: tokens.issuer,
    clock,
    random,
    receivers,
    lastEpoch: () => source.revocations()?.epoch ?? -1,
  };
  const sender = new EventSender({
    ...shared,
    signer: () => Promise.resolve(served.signer()),
    stopwatch,
    giveUpSeconds: events.giveUpSeconds,
    holder: random.bytes(12).toString("base64url"),
    watch: toAll(watches),
    faulted,
  });
  const refresh = (): Promise<void> =>
    served.refresh().catch((thrown: unknown) => {
      faulted(undefined, thrown);
    });
  return {
    loops: [
      { name: "events", everyMs: LOOK_MS, run: () => sender.look() },
      { name: "event keys", everyMs: REFRESH_SECONDS * 1_000, run: refresh },
    ],
    // What an operator sends by hand does not wait for receivers that have an older set.
    operating: { ...shared, signer: async () => served.signer() ?? (await keys.signer()) },
    jwks: () => served.jwks(),
    figures: () => sender.figures(),
    watch: (watch) => {
      watches.push(watch);
    },
    load: refresh,
    close: () => sender.close(),
  };
}

function toAll(watches: readonly EventWatch[]): EventWatch {
  return {
    delivered: (...of) => {
      for (const watch of watches) watch.delivered(...of);
    },
    failed: (...of) => {
      for (const watch of watches) watch.failed(...of);
    },
    dead: (...of) => {
      for (const watch of watches) watch.dead(...of);
    },
  };
}

function loggingWatch(log: Log): EventWatch {
  return {
    delivered: (receiver, { epoch, part }) => {
      log.info({ event: "event_delivered", receiver, epoch, part });
    },
    failed: (receiver, { epoch, part }, failures, { reason, status }) => {
      log.warn({ event: "event_failed", receiver, epoch, part, failures, reason, status });
    },
    dead: (receiver, { epoch, part }, failures, { reason, status }) => {
      const message = `given up; send it again with: macp-auth events replay ${receiver}`;
      log.error({ event: "event_dead", receiver, epoch, part, failures, reason, status, message });
    },
  };
}
