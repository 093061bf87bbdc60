import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { FenceReason } from "../keys/managed/managed-keys.ts";
import type { KeysFacts } from "../keys/managed/operator-shapes.ts";
import type { SelectorKind } from "../ledger/revocation/selector.ts";
import type { WriterWatch } from "../ledger/writer.ts";
import { type EventMeter, eventMetrics, type ReceiverFigures } from "./event-metrics.ts";
import { guardCounter } from "./guard-metrics.ts";
import { keySetGauges } from "./key-gauges.ts";
import { type LedgerFigures, ledgerMetrics, type NoteFigures, noteMetrics } from "./ledger-metrics.ts";
import { decisionTimes, overflowCounter } from "./limit-metrics.ts";
import type { GuardMeter, Meter } from "./meter.ts";
import { oauthCounters } from "./oauth-metrics.ts";
import { requestTimes, spanCounter } from "./request-metrics.ts";
import { type RevocationFigures, revocationMetrics } from "./revocation-metrics.ts";
import { type StatusListFigures, statusListMetrics } from "./status-list-metrics.ts";
import type { SpanFigures } from "./traces/traces.ts";

/** What the gauges are read from when somebody scrapes. `undefined`: there is nothing to say about that. */
export interface Gauges {
  report(): KeysFacts | undefined;
  fence(): FenceReason | undefined;
  clockOffsetSeconds(): number | undefined;
  /** Whether an older access document than the newest is in force; `undefined`: nobody is asked who they are. */
  accessIsStale(): boolean | undefined;
  /** `undefined`: the listeners speak plain HTTP. */
  tls(): TlsFigures | undefined;
  /** Whether this replica limits by itself, though it shares its limits; `undefined`: it shares none. */
  limitsAreLocal(): boolean | undefined;
  /** How many times a bucket of limits found no place of its own, by table. */
  limitOverflows?(): ReadonlyMap<string, number>;
  /** How the ledger's writer is doing; `undefined`: nothing is recorded. */
  ledger?(): LedgerFigures | undefined;
  /** What is known of what is revoked; `undefined` as above. */
  revocations?(): RevocationFigures | undefined;
  /** What is known of the status lists; `undefined`: tokens have no status. */
  statusLists?(): StatusListFigures | undefined;
  /** How far the signed notes are behind; `undefined`: nothing is recorded. */
  ledgerNotes?(): NoteFigures | undefined;
  /** What became of the spans of traces; `undefined`: there are none. */
  spans?(): SpanFigures | undefined;
  /** How far the receivers of events are. */
  events?(): readonly ReceiverFigures[];
  /** The client CAs in force. */
  clientCas?(): readonly ClientCaFigures[];
}

/** When a client CA proves nobody any more, in seconds since 1970. */
interface ClientCaFigures {
  readonly name: string;
  readonly authoritiesEnd: number;
  /** `undefined`: it has no revocation lists. */
  readonly listsEnd: number | undefined;
}

interface TlsFigures {
  readonly notAfter: number;
  /** When the last authority of clients expires; `undefined`: the settings name none. */
  readonly authoritiesNotAfter: number | undefined;
  readonly isStale: boolean;
}

/** The service's figures in Prometheus' text form, and the meter that the hot path counts with. docs/metrics.md lists them. */
export interface Metrics extends Meter, GuardMeter {
  rejectedTransition(reason: string): void;
  keyAlarm(kind: string): void;
  storeFailed(): void;
  fetchesDropped(count: number): void;
  /** A decision for which the server of shared limits was asked took so long. */
  limitDecided(seconds: number): void;
  /** An operation of the public listener was answered with this status, after so many seconds. */
  readonly answered: (operation: string, status: number, seconds: number) => void;
  /** What the ledger's writer does. */
  readonly ledger: WriterWatch;
  /** Tries to send events. */
  readonly events: EventMeter;
  /** An operator revoked, through this door, or took it back. */
  revocation(door: SelectorKind | "undo"): void;
  readonly contentType: string;
  render(): Promise<string>;
}

/** Opens a registry of its own, so that two services in one process do not share figures. */
export function openMetrics(gauges: Gauges): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const count = (name: string, help: string, labelNames: string[]): Counter =>
    new Counter({ name: `macp_auth_${name}`, help, labelNames, registers });
  const minted = count("tokens_minted_total", "Tokens signed, by key.", ["kid"]);
  const rejected = count("mint_refused_total", "Rejected mint requests, by reason.", ["reason"]);
  const jwks = count("jwks_fetches_total", "Responses to JWKS fetches, by status.", ["status"]);
  const callers = count("callers_rejected_total", "Requests without a proved caller, by reason.", ["reason"]);
  const observed = count(
    "observed_rejections_total",
    "Tokens minted while callers are observed that would be rejected if they were enforced, by caller and reason.",
    ["caller", "reason"],
  );
  const observedLimits = count(
    "observed_limits_total",
    "Requests that would be rejected if limits were enforced, while they are only observed, by reason.",
    ["reason"],
  );
  const connections = count(
    "connections_limited_total",
    "Connections that were closed because their address had too many.",
    [],
  );
  const transitions = count(
    "refused_transitions_total",
    "Rejected key operations and rejected requests to the admin listener, by reason.",
    ["reason"],
  );
  const alarms = count("key_alarms_total", "Rotation rounds that found a problem, by kind.", ["kind"]);
  const store = count("store_failures_total", "Background rounds in which the key store failed.", []);
  const dropped = count("fetches_dropped_total", "JWKS fetches that could not be stored.", []);
  keyGauges(registry, gauges);
  otherFigures(registers, gauges);
  return {
    minted: (kid) => minted.inc({ kid }),
    rejected: (reason) => rejected.inc({ reason }),
    jwksServed: (status) => jwks.inc({ status: String(status) }),
    callerRejected: (reason) => callers.inc({ reason }),
    wouldReject: (caller, reason) => observed.inc({ caller, reason }),
    limitObserved: (reason) => observedLimits.inc({ reason }),
    connectionLimited: () => connections.inc(),
    ...guardCounter(count),
    ...oauthCounters(count),
    rejectedTransition: (reason) => transitions.inc({ reason }),
    keyAlarm: (kind) => alarms.inc({ kind }),
    storeFailed: () => store.inc(),
    fetchesDropped: (fetches) => dropped.inc(fetches),
    limitDecided: decisionTimes(registers),
    answered: requestTimes(registers),
    ledger: ledgerMetrics(registers, () => gauges.ledger?.()),
    events: eventMetrics(count, registers, () => gauges.events?.() ?? []),
    revocation: revocationMetrics(count, registers, () => gauges.revocations?.()),
    contentType: registry.contentType,
    render: () => registry.metrics(),
  };
}

/** What others count, and is read at each scrape. */
function otherFigures(registers: Registry[], gauges: Gauges): void {
  overflowCounter(registers, () => gauges.limitOverflows?.() ?? new Map());
  spanCounter(registers, () => gauges.spans?.());
  noteMetrics(registers, () => gauges.ledgerNotes?.());
  statusListMetrics(registers, () => gauges.statusLists?.());
}

function keyGauges(registry: Registry, gauges: Gauges): void {
  for (const [name, help, labelNames, fill] of keySetGauges()) {
    gauge(registry, { name, help, labelNames }, (self) => {
      const report = gauges.report();
      if (report !== undefined) fill(self, report);
    });
  }
  gauge(
    registry,
    {
      name: "fenced",
      help: "1 while this replica is fenced, by reason.",
      labelNames: ["reason"],
    },
    (self) => {
      const reason = gauges.fence();
      if (reason !== undefined) self.set({ reason }, 1);
    },
  );
  gauge(
    registry,
    {
      name: "clock_offset_seconds",
      help: "The store's clock minus this replica's clock.",
      labelNames: [],
    },
    (self) => {
      const offset = gauges.clockOffsetSeconds();
      if (offset !== undefined) self.set(offset);
    },
  );
  flag(registry, "access_stale", "1 while the access document is invalid and an older one is in force.", () =>
    gauges.accessIsStale(),
  );
  tlsGauges(registry, gauges);
  clientCaGauge(registry, gauges);
  flag(
    registry,
    "limits_local",
    "1 while the server of shared limits is lost and this replica limits by itself.",
    () => gauges.limitsAreLocal(),
  );
}

function tlsGauges(registry: Registry, gauges: Gauges): void {
  gauge(
    registry,
    {
      name: "tls_not_after_seconds",
      help: "When the certificate of the listeners expires, and the last authority of client certificates, in seconds since 1970.",
      labelNames: ["certificate"],
    },
    (self) => {
      const tls = gauges.tls();
      if (tls === undefined) return;
      self.set({ certificate: "server" }, tls.notAfter);
      if (tls.authoritiesNotAfter !== undefined)
        self.set({ certificate: "client_ca" }, tls.authoritiesNotAfter);
    },
  );
  gauge(
    registry,
    {
      name: "tls_stale",
      help: "1 while the files of TLS are invalid and older ones are in force.",
      labelNames: [],
    },
    (self) => {
      const tls = gauges.tls();
      if (tls !== undefined) self.set(tls.isStale ? 1 : 0);
    },
  );
}

function clientCaGauge(registry: Registry, gauges: Gauges): void {
  gauge(
    registry,
    {
      name: "client_ca_ends_seconds",
      help: "When the last authority of a client CA expires, and the first of its revocation lists ends, in seconds since 1970.",
      labelNames: ["client_ca", "what"],
    },
    (self) => {
      for (const { name, authoritiesEnd, listsEnd } of gauges.clientCas?.() ?? []) {
        self.set({ client_ca: name, what: "authorities" }, authoritiesEnd);
        if (listsEnd !== undefined) self.set({ client_ca: name, what: "revocation_lists" }, listsEnd);
      }
    },
  );
}

function flag(registry: Registry, name: string, help: string, read: () => boolean | undefined): void {
  gauge(registry, { name, help, labelNames: [] }, (self) => {
    const isSet = read();
    if (isSet !== undefined) self.set(isSet ? 1 : 0);
  });
}

/** A gauge that is reset and set at each scrape. */
function gauge(
  registry: Registry,
  about: { name: string; help: string; labelNames: string[] },
  fill: (self: Gauge) => void,
): void {
  new Gauge({
    ...about,
    name: `macp_auth_${about.name}`,
    registers: [registry],
    collect() {
      this.reset();
      fill(this);
    },
  });
}
