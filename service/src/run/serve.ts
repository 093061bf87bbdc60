import type { AddressInfo } from "node:net";
import type { World } from "../cli/world.ts";
import { isLoopback, type LoadedSettings, loadSettings } from "../config/settings.ts";
import { publicServer } from "../http/public-server.ts";
import { systemClock } from "../kernel/clock.ts";
import { ConfigError, messageOf } from "../kernel/faults.ts";
import { printable } from "../kernel/printable.ts";
import { systemRandom } from "../kernel/random.ts";
import type { Log } from "../telemetry/log.ts";
import { noMeter } from "../telemetry/meter.ts";
import { openAdmin } from "./admin.ts";
import { type Custody, checkGivenKey, openCustody } from "./custody.ts";
import { drain, listen } from "./listen.ts";
import { openServiceLog } from "./service-log.ts";

/** What serving needs of the process, beyond what every command has. */
export interface ServeWorld
  extends Pick<World, "environment" | "err" | "stdoutIsTerminal" | "version" | "nodeVersion"> {
  /** Resolves when the process is told to stop, with the signal's name. */
  untilSignal(): Promise<string>;
}

/** Runs the service: settings → keys → listeners → upkeep → shutdown. Resolves to the exit code. */
export async function serve(world: ServeWorld): Promise<number> {
  // Listened for from the first moment on: a signal during the start ends the service in good order too.
  const told = world.untilSignal();
  const loaded = await orFaults(() => loadSettings(world.environment));
  if (loaded instanceof ConfigError) {
    const key = await orFaults(() => checkGivenKey(world.environment));
    return fail(world, key instanceof ConfigError ? [...loaded.faults, ...key.faults] : loaded.faults);
  }
  const { settings } = loaded;
  const { log, flush } = await openServiceLog(settings.logLevel, world.stdoutIsTerminal);
  const custody = await orFaults(() => openCustody(settings, log));
  if (custody instanceof ConfigError) return fail(world, custody.faults);
  await custody.keep();

  const shared = { log, random: systemRandom(), clock: systemClock };
  const admin = await orFaults(() => openAdmin(settings, custody, shared));
  if (admin instanceof ConfigError) return fail(world, admin.faults);
  const { jwksMaxAgeSeconds } = settings.timing;
  const listener = publicServer({
    ...shared,
    keys: custody.directory,
    meter: admin?.metrics ?? noMeter,
    policy: settings,
    jwksMaxAgeSeconds,
  });
  const refusals = [
    await listen(listener, {
      port: settings.port,
      host: settings.host,
      portVariable: "PORT",
      hostVariable: "HOST",
    }),
    admin &&
      (await listen(admin.listener, {
        ...admin.place,
        portVariable: "MACP_AUTH_ADMIN_PORT",
        hostVariable: "MACP_AUTH_ADMIN_HOST",
      })),
  ].filter((refusal) => refusal !== undefined);
  const listeners = admin === undefined ? [listener] : [listener, admin.listener];
  if (refusals.length > 0) {
    await drain(listeners);
    await custody.close();
    return fail(world, refusals);
  }
  announce(world, log, loaded, custody, listener.server.address() as AddressInfo);
  if (admin !== undefined)
    log.info({ event: "admin_listening", ...placeOf(admin.listener.server.address() as AddressInfo) });

  const stopUpkeep = upkeep(custody, log);
  log.info({ event: "stopping", signal: await told });
  await stopUpkeep();
  const code = await drain(listeners);
  await custody.close();
  log.info({ event: "stopped", code });
  await flush();
  return code;
}

async function orFaults<T>(run: () => T | Promise<T>): Promise<T | ConfigError> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  }
}

function fail(world: ServeWorld, faults: readonly string[]): number {
  for (const fault of faults) world.err(`macp-auth: ${fault}\n`);
  return 1;
}

/** Calls `keep` again and again, one at a time; the returned function ends that and waits for the round under way. */
function upkeep(custody: Custody, log: Log): () => Promise<void> {
  let round: Promise<void> | undefined;
  const timer = setInterval(() => {
    round ??= custody
      .keep()
      .catch((thrown: unknown) => {
        log.error({ event: "upkeep_failed", fault: messageOf(thrown) });
      })
      .finally(() => {
        round = undefined;
      });
  }, custody.everyMs);
  return async () => {
    clearInterval(timer);
    await round;
  };
}

function placeOf({ address, port }: AddressInfo): { address: string; port: number } {
  return { address, port };
}

function announce(
  world: ServeWorld,
  log: Log,
  { settings, warnings }: LoadedSettings,
  custody: Custody,
  address: AddressInfo,
): void {
  const { jwks } = custody.directory.viewAt(systemClock.now());
  const served = jwks === undefined ? [] : (JSON.parse(jwks.body) as { keys: { kid: string }[] }).keys;
  log.info({
    event: "listening",
    version: world.version,
    ...placeOf(address),
    issuer: printable(settings.issuer),
    audience: printable(settings.audience),
    key_source: settings.keySource.kind,
    alg: settings.alg,
    kids: served.map((key) => printable(key.kid)),
    node: world.nodeVersion,
  });
  for (const warning of warnings) log.warn({ event: "setting_warning", message: warning });
  if (settings.keySource.kind === "ephemeral") {
    const message =
      "EPHEMERAL KEY: every restart refuses all earlier tokens, and a second instance cannot share it; set MACP_AUTH_SIGNING_KEY_FILE";
    log.warn({ event: "ephemeral_key", message });
  }
  if (!isLoopback(address.address)) {
    const message =
      "OPEN MINT: whoever reaches this port can have any identity; keep it inside a trusted network or set HOST=127.0.0.1";
    log.warn({ event: "open_mint", message });
  }
}
