import type { AddressInfo } from "node:net";
import { ConfigError } from "../config/config-error.ts";
import { loggedText } from "../config/shown-value.ts";
import { sidecarRoutes } from "../http/guard/sidecar-routes.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Log } from "../telemetry/log.ts";
import { sidecarMetrics } from "../telemetry/sidecar-metrics.ts";
import { followMint, type MintPlace } from "../wiring/guard/follow-mint.ts";
import { feedNames, type LoadedGuard, loadGuard } from "../wiring/guard/load-guard.ts";
import { knownTokens } from "../wiring/ledger/issued-tokens.ts";
import { guardListeners } from "./guard-listeners.ts";
import { drain, listenAll } from "./listen.ts";
import { listenGrpc } from "./listen-grpc.ts";
import type { ServeWorld } from "./serve.ts";
import { openServiceLog } from "./service-log.ts";
import { startUpkeep } from "./upkeep.ts";

/** How long the end waits for the log and for a poll. */
const STEP_MS_MAX = 1_000;

/** Runs a guard of its own process until a signal stops it. Resolves to the exit code; what the operator must fix is reported on standard error. */
export async function serveGuard(world: ServeWorld): Promise<number> {
  try {
    return await run(world, await loadGuard(world.environment));
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    for (const fault of thrown.faults) world.err(`macp-auth: ${fault}\n`);
    return 1;
  }
}

/** Settings → log → listeners, which reject until the mint was read → polls → shutdown. */
async function run(world: ServeWorld, loaded: LoadedGuard): Promise<number> {
  const { settings, warnings, place } = loaded;
  const { timers } = world;
  const { log, flush } = await openServiceLog(settings.log.level, world.stdoutIsTerminal, timers);
  let isStopping = false;
  const { loop, http, grpc } = await prepare(world, loaded, log, () => isStopping);
  try {
    const listeners = await listenAll(http === undefined ? [] : [http]);
    const grpcPlace = grpc && (await listenGrpc(grpc));
    const [address] = listeners.map(({ server }) => server.address() as AddressInfo);
    announce(log, world.version, {
      place,
      audience: settings.tokens.audience,
      address: address ?? grpcPlace,
    });
    if (grpcPlace !== undefined) log.info({ event: "guard_grpc_listening", ...grpcPlace });
    for (const warning of warnings) log.warn({ event: "setting_warning", message: warning });
    const stopPolls = startUpkeep([loop], { log, timers });
    const signal = await world.signals.stop;
    isStopping = true;
    log.info({ event: "stopping", signal });
    const acceptMs = settings.listener.drainSeconds * 1_000;
    const code = await drain(world, listeners, acceptMs, world.signals.stopAtOnce);
    await grpc?.server.close();
    await within(timers, stopPolls());
    log.info({ event: "stopped", code });
    return code;
  } finally {
    await within(timers, flush());
  }
}

async function within(timers: Timers, step: Promise<void>): Promise<void> {
  const patience = timers.delay(STEP_MS_MAX);
  await Promise.race([step, patience.over]);
  patience.cancel();
}

/** The polls and the listeners, not yet listening. */
async function prepare(world: ServeWorld, loaded: LoadedGuard, log: Log, isStopping: () => boolean) {
  const { settings, labels, place } = loaded;
  const { random, timers } = world;
  const staleAfterMs = place.staleSeconds * 1_000;
  const metrics = sidecarMetrics(() => {
    const { epoch, size } = revocations;
    return { epoch, size, staleAfterMs, ageMs: revocations.freshness().ageMs };
  });
  const { mint, loop, failure } = followMint(place, feedNames(labels), world, log, (reason) => {
    metrics.feedFailed(reason);
  });
  const { clock, revocations, keys } = mint;
  const routes = sidecarRoutes({
    freshness: () => revocations.freshness(),
    epoch: () => revocations.epoch,
    hasKeys: () => keys.view().jwks !== undefined,
    failure,
    staleAfterMs,
    isStopping,
    metrics,
  });
  const { keepAliveSeconds } = settings.listener;
  const shared = { log, random, timers, keepAliveSeconds, meter: metrics };
  const { verifyAgain } = knownTokens({ clock, issuer: place.issuer, keys }, revocations);
  return { loop, ...(await guardListeners(shared, verifyAgain, loaded, routes)) };
}

function announce(
  log: Log,
  version: string,
  {
    place: { url, issuer, staleSeconds },
    audience,
    address,
  }: {
    readonly place: MintPlace;
    readonly audience: string;
    readonly address: { readonly address: string; readonly port: number } | undefined;
  },
): void {
  log.info({
    event: "listening",
    version,
    address: address?.address,
    port: address?.port,
    mint: loggedText(url),
    issuer: loggedText(issuer),
    audience: loggedText(audience),
    stale_seconds: staleSeconds,
  });
}
