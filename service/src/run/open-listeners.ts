import type { Settings } from "../config/settings.ts";
import type { LoadedSettings } from "../config/sources.ts";
import { OPEN_ACCESS } from "../http/access.ts";
import type { AddressLimit } from "../http/listener.ts";
import { AnnouncedClients } from "../http/peer/announced-clients.ts";
import type { TrustedProxies } from "../http/peer/peer-of.ts";
import { type PlainDeps, type PublicDeps, plainServer, publicServer } from "../http/public-server.ts";
import type { RequestWatch } from "../http/watched.ts";
import type { Stopwatch } from "../kernel/clock.ts";
import type { Machine } from "../kernel/machine.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Log } from "../telemetry/log.ts";
import { type Meter, noMeter } from "../telemetry/meter.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Traces } from "../telemetry/traces/traces.ts";
import type { OpenAccess } from "../wiring/access/access-directory.ts";
import type { OpenEvents } from "../wiring/events/open-events.ts";
import type { KeyUpkeep } from "../wiring/key-upkeep.ts";
import { issuedTokens } from "../wiring/ledger/issued-tokens.ts";
import type { OpenLedger } from "../wiring/ledger/open-ledger.ts";
import type { OpenTls } from "../wiring/tls/open-tls.ts";
import { openAdmin } from "./admin.ts";
import { guardListeners } from "./guard-listeners.ts";
import type { OpenListener } from "./listen.ts";
import type { OpenGrpcListener } from "./listen-grpc.ts";

/** What the listeners serve, opened. */
export interface ServedParts {
  readonly log: Log;
  /** `undefined`: nothing is traced. */
  readonly traces?: Traces | undefined;
  readonly upkeep: KeyUpkeep;
  readonly access: OpenAccess;
  /** `undefined`: the listeners speak plain HTTP. */
  readonly tls: OpenTls | undefined;
  readonly ledger: OpenLedger;
  readonly events: OpenEvents;
  readonly isStopping: () => boolean;
}

/** The listeners of a service, not yet listening. */
interface Prepared {
  readonly main: OpenListener;
  /** The plain and the admin listener, where they are set, each with the event that says where it listens. */
  readonly beside: readonly (OpenListener & { readonly event: string })[];
  /** The listener that Envoy asks; `undefined`: none is set. */
  readonly grpc: OpenGrpcListener | undefined;
}

/** Prepares every listener that the settings ask for. */
export async function prepareListeners(
  loaded: Pick<LoadedSettings, "settings" | "labels"> & { readonly token: Secret | undefined },
  { log, traces, upkeep, access, tls, ledger, events, isStopping }: ServedParts,
  { clock, stopwatch, random, timers }: Machine,
): Promise<Prepared> {
  const { settings, labels } = loaded;
  const { port, host, keepAliveSeconds } = settings.listener;
  const proxies = declaredProxies(settings.listener);
  const shared = { log, random, clock, timers, keepAliveSeconds, proxies };
  const transport = tls !== undefined && { createServer: tls.createServer };
  const admin = await openAdmin(loaded, loaded.token, upkeep, access, {
    ...shared,
    ...transport,
    tls,
    ledger,
    traces,
    events,
    isStopping,
  });
  const { jwksMaxAgeSeconds } = settings.keys.timing;
  const meter = admin?.metrics ?? noMeter;
  const watch = watchOf(admin?.metrics, traces, stopwatch);
  const served = { keys: upkeep.directory, usage: upkeep.usage, meter, jwksMaxAgeSeconds, watch };
  // Programs of the operator connect to the admin listener themselves.
  const forClients = { ...shared, announced: proxies?.announced };
  const issued = issuedTokens(
    { clock, issuer: settings.tokens.issuer, keys: upkeep.directory },
    ledger.revocation,
  );
  const listener = publicServer({
    ...forClients,
    ...transport,
    ...served,
    access: access.directory ?? OPEN_ACCESS,
    rules: settings.tokens,
    steps: traces,
    ledger: ledger.ledger,
    issued,
    ...statusDeps(ledger, settings),
    eventKeys: events.jwks,
    ...addressLimitOf(access.directory, meter),
  });
  const [portVariable, hostVariable] = [labels.of("listener.port"), labels.of("listener.host")];
  const guard = await guardListeners({ ...shared, ...transport, meter }, issued?.verifyAgain, loaded);
  const plain = plainListener({ ...forClients, ...served }, loaded);
  return {
    main: { listener, place: { port, host, portVariable, hostVariable } },
    beside: [
      ...named(plain, "plain_listening"),
      ...named(guard.http, "guard_listening"),
      ...named(admin, "admin_listening"),
    ],
    grpc: guard.grpc,
  };
}

/** What gives tokens a status, and serves it; nothing where they have none. */
function statusDeps(
  { statusLists: open }: Pick<OpenLedger, "statusLists">,
  { statusLists }: Settings,
): Pick<PublicDeps, "statuses" | "statusLists"> {
  if (open === undefined || statusLists === undefined) return {};
  return { statuses: open.supply, statusLists: { lists: open.view, ttlSeconds: statusLists.ttlSeconds } };
}

/** What requests are watched with; `undefined`: nobody looks. */
function watchOf(
  metrics: Metrics | undefined,
  traces: Traces | undefined,
  stopwatch: Stopwatch,
): RequestWatch | undefined {
  return metrics === undefined && traces === undefined
    ? undefined
    : { stopwatch, traces, answered: metrics?.answered };
}

/** A listener with the event that says where it listens; none where it is not set. */
function named(listener: OpenListener | undefined, event: string): Prepared["beside"] {
  return listener === undefined ? [] : [{ ...listener, event }];
}

/** With the PROXY protocol a proxy says it of each connection, else in each request. */
function declaredProxies({ trustedProxies, proxyProtocol }: Settings["listener"]): TrustedProxies {
  return (
    trustedProxies && {
      check: (address, family) => trustedProxies.check(address, family),
      announced: proxyProtocol && new AnnouncedClients(),
    }
  );
}

/** Where there may be limits, connections are counted by address from the start. */
function addressLimitOf(
  declared: OpenAccess["directory"],
  meter: Meter,
): { readonly addressLimit?: AddressLimit } {
  if (declared === undefined) return {};
  const planNow = () => declared.view().limits?.plan;
  return {
    addressLimit: {
      connectionsMax: () => planNow()?.connectionsPerAddress,
      exceeded: () => {
        if (planNow()?.mode === "observe") {
          meter.limitObserved("limit_connections");
          return "observed";
        }
        meter.connectionLimited();
        return "closed";
      },
    },
  };
}

/** The listener that serves only public keys and health; `undefined`: none is set. */
function plainListener(
  deps: PlainDeps,
  { settings, labels }: Pick<LoadedSettings, "settings" | "labels">,
): OpenListener | undefined {
  const { plainPort: port, host } = settings.listener;
  if (port === undefined) return undefined;
  const [portVariable, hostVariable] = [labels.of("listener.plainPort"), labels.of("listener.host")];
  return { listener: plainServer(deps), place: { port, host, portVariable, hostVariable } };
}
