import type { LoadedSettings } from "../config/sources.ts";
import type { Listener, ListenerDeps } from "../http/listener.ts";
import type { TrustedProxies } from "../http/peer/peer-of.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Secret } from "../kernel/secret.ts";
import { reportOf } from "../keys/managed/key-report.ts";
import type { Gauges, Metrics } from "../telemetry/metrics.ts";
import type { Traces } from "../telemetry/traces/traces.ts";
import type { OpenAccess } from "../wiring/access/access-directory.ts";
import { clientCaEnds } from "../wiring/access/client-ca-watch.ts";
import { operatorProofs } from "../wiring/access/operators.ts";
import type { OpenEvents } from "../wiring/events/open-events.ts";
import type { KeyUpkeep } from "../wiring/key-upkeep.ts";
import type { OpenLedger } from "../wiring/ledger/open-ledger.ts";
import type { OpenTls } from "../wiring/tls/open-tls.ts";
import type { Place } from "./listen.ts";

/** The admin listener, not yet listening, and the figures it shows. */
export interface Admin {
  readonly listener: Listener;
  readonly metrics: Metrics;
  readonly place: Place;
}

/** What the admin listener shows of the rest of the process. */
interface AdminParts extends ListenerDeps {
  readonly clock: Clock;
  readonly isStopping: () => boolean;
  readonly tls: OpenTls | undefined;
  readonly traces: Traces | undefined;
  readonly proxies: TrustedProxies;
  readonly events: OpenEvents;
  readonly ledger: Pick<
    OpenLedger,
    "status" | "watch" | "notes" | "revocation" | "revocations" | "reading" | "statusLists"
  >;
}

/** Prepares the admin listener; `undefined` when none is configured; then its code is not loaded either. */
export async function openAdmin(
  { settings, labels }: Pick<LoadedSettings, "settings" | "labels">,
  token: Secret | undefined,
  upkeep: KeyUpkeep,
  { directory: declared, limits }: Pick<OpenAccess, "directory" | "limits">,
  shared: AdminParts,
): Promise<Admin | undefined> {
  const { admin } = settings;
  if (admin === undefined) return undefined;
  const [{ adminServer }, { openMetrics }] = await Promise.all([
    import("../http/admin-server.ts"),
    import("../telemetry/metrics.ts"),
  ]);
  const { managed } = upkeep;
  const { tls, ledger, events } = shared;
  const metrics = openMetrics({
    report: () =>
      managed?.keys.set && reportOf({ ...managed.keys.set, now: shared.clock.now() }, managed.rules),
    fence: () => managed?.keys.fence(),
    clockOffsetSeconds: () => managed?.keys.clockOffsetSeconds,
    accessIsStale: () => declared?.status().isStale,
    tls: () => tls?.status(),
    clientCas: () => clientCaEnds(declared),
    limitsAreLocal: () => limits.isLocal(),
    limitOverflows: () => limits.overflows(),
    ...figuresOf(ledger),
    ledgerNotes: () => ledger.notes?.figures(),
    spans: () => shared.traces?.figures(),
    events: () => events.figures(),
  });
  countWhat({ upkeep, limits, ledger, events }, metrics);
  const listener = adminServer({
    ...shared,
    events: events.operating,
    directory: upkeep.directory,
    managed,
    metrics,
    declared,
    operators: operatorProofs({ ...shared, token, ownIssuer: settings.tokens.issuer }, declared),
    reading: ledger.reading,
    upkeep: () => upkeep.round(),
    limitsAreLocal: () => limits.isLocal(),
    limits: () => declared?.view().limits,
    ...figuresOf(ledger),
    revocation: ledger.revocation,
  });
  const [portVariable, hostVariable] = [labels.of("admin.port"), labels.of("admin.host")];
  return { listener, metrics, place: { port: admin.port, host: admin.host, portVariable, hostVariable } };
}

/** What is shown of what is recorded, as it is when it is asked for. */
function figuresOf(ledger: Pick<OpenLedger, "status" | "revocations" | "statusLists">): {
  readonly ledger: OpenLedger["status"];
  readonly revocations: OpenLedger["revocations"];
  readonly statusLists: NonNullable<Gauges["statusLists"]>;
} {
  return {
    ledger: () => ledger.status(),
    revocations: () => ledger.revocations(),
    statusLists: () => ledger.statusLists?.view.figures(),
  };
}

/** Lets the parts that work beside the requests count what they do. */
function countWhat(
  parts: {
    readonly upkeep: KeyUpkeep;
    readonly limits: OpenAccess["limits"];
    readonly ledger: Pick<OpenLedger, "watch">;
    readonly events: OpenEvents;
  },
  metrics: Metrics,
): void {
  parts.upkeep.watch({
    alarm: (kind) => metrics.keyAlarm(kind),
    storeFailed: () => metrics.storeFailed(),
    fetchesDropped: (count) => metrics.fetchesDropped(count),
  });
  parts.limits.watch({ decided: (seconds) => metrics.limitDecided(seconds) });
  parts.ledger.watch(metrics.ledger);
  parts.events.watch(metrics.events);
}
