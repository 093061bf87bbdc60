import type { AddressInfo } from "node:net";
import type { World } from "../cli/terminal/world.ts";
import { endedNode, unsafeClientCertificates } from "../cli/words/node-line.ts";
import { attempt, ConfigError, faultsOf, valueOr } from "../config/config-error.ts";
import { readSettings } from "../config/environment.ts";
import { loggedText } from "../config/shown-value.ts";
import type { LoadedSettings } from "../config/sources.ts";
import type { EventReceiver } from "../events/receiver.ts";
import type { Listener } from "../http/listener.ts";
import { isLoopback } from "../kernel/loopback.ts";
import type { Machine } from "../kernel/machine.ts";
import { printable } from "../kernel/printable.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Timers } from "../kernel/timers.ts";
import type { Log } from "../telemetry/log.ts";
import type { LoadedAccess, OpenAccess } from "../wiring/access/access-directory.ts";
import { loadAccess } from "../wiring/access.ts";
import { adminToken } from "../wiring/admin-token.ts";
import { loadReceiver } from "../wiring/events/load-receiver.ts";
import { type OpenEvents, openEvents } from "../wiring/events/open-events.ts";
import type { LoadedKeySource } from "../wiring/key-sources/key-source.ts";
import { loadKeys, wiredKeySource } from "../wiring/key-sources.ts";
import type { KeyUpkeep } from "../wiring/key-upkeep.ts";
import { type OpenLedger, openLedger } from "../wiring/ledger/open-ledger.ts";
import { asksForCertificates } from "../wiring/tls/asks-for-certificates.ts";
import type { LoadedTls, OpenTls } from "../wiring/tls/open-tls.ts";
import { bundlesOf, loadTls } from "../wiring/tls.ts";
import { loadTracesCa } from "../wiring/traces-ca.ts";
import { drain, listenAll } from "./listen.ts";
import { listenGrpc } from "./listen-grpc.ts";
import { prepareListeners } from "./open-listeners.ts";
import { openServiceLog } from "./service-log.ts";
import { openServiceTraces } from "./service-traces.ts";
import type { Signals } from "./signals.ts";
import { startUpkeep } from "./upkeep.ts";

/** What serving needs of the process, beyond what every command has. */
export interface ServeWorld
  extends Machine,
    Pick<World, "environment" | "err" | "stdoutIsTerminal" | "version" | "nodeVersion"> {
  readonly signals: Signals;
}

/** What a start opens; a test opens its own. */
export interface ServeParts {
  /** Reads the settings and their files. Throws `ConfigError` with every fault at once. */
  readonly load: (world: ServeWorld) => Promise<Loaded>;
  readonly openLog: typeof openServiceLog;
}

const PARTS: ServeParts = { load: loadAll, openLog: openServiceLog };

/** How long a start may continue after a signal to stop. */
const START_MS_MAX = 1_500;

/** Runs the service until a signal stops it. Resolves to the exit code; what the operator must fix is reported on standard error. */
export async function serve(world: ServeWorld, parts: Partial<ServeParts> = {}): Promise<number> {
  let isStarted = false;
  const started = () => {
    isStarted = true;
  };
  // A start may wait indefinitely for a disk that does not answer; no request is in flight then.
  const givenUp = world.signals.stop.then(async () => {
    await world.timers.delay(START_MS_MAX).over;
    return isStarted ? new Promise<never>(() => undefined) : 1;
  });
  try {
    return await Promise.race([run(world, { ...PARTS, ...parts }, started), givenUp]);
  } catch (thrown) {
    if (!(thrown instanceof ConfigError)) throw thrown;
    for (const fault of thrown.faults) world.err(`macp-auth: ${fault}\n`);
    return 1;
  }
}

/** Settings → log → keys → listeners → upkeep → shutdown. Throws `ConfigError` until the listeners listen. */
async function run(world: ServeWorld, { load, openLog }: ServeParts, started: () => void): Promise<number> {
  const loaded = await load(world);
  const { settings, labels } = loaded;
  const { timers } = world;
  const tracing = await openServiceTraces(settings.traces, loaded.tracesCa, world);
  const { log, flush } = await openLog(settings.log.level, world.stdoutIsTerminal, timers, tracing.logFields);
  tracing.reportTo(log);
  const machine = { ...world, steps: tracing.traces };
  const upkeep = await loaded.keys.open(log, machine);
  let tls: OpenTls | undefined;
  try {
    await upkeep.round();
    const access = loaded.access.open(log, machine, upkeep.database);
    tls = loaded.tls?.open(log);
    acceptCertificates(access, tls, log, labels);
    const records = await openRecords(loaded, access, upkeep, machine, log);
    const { ledger, events } = records;
    let isStopping = false;
    const { traces } = tracing;
    const parts = { log, traces, upkeep, access, tls, ...records, isStopping: () => isStopping };
    const { main, beside, grpc } = await prepareListeners(loaded, parts, machine);
    const listeners = await listenAll([main, ...beside]);
    const grpcPlace = grpc && (await listenGrpc(grpc));
    started();
    announce(world, log, loaded, upkeep, addressOf(main.listener));
    for (const { event, listener } of beside) log.info({ event, ...placeOf(addressOf(listener)) });
    if (grpcPlace !== undefined) log.info({ event: "guard_grpc_listening", ...grpcPlace });

    const loops = [...upkeep.loops, ...access.loops, ...(tls?.loops ?? []), ...ledger.loops, ...events.loops];
    const stopUpkeep = startUpkeep(loops, { log, timers });
    world.signals.onHangup(() => {
      // A log that fails must not end the service.
      void reload(upkeep, access, tls)
        .then(() => reportReload(log, loaded))
        .catch(() => undefined);
    });
    const signal = await world.signals.stop;
    isStopping = true;
    log.info({ event: "stopping", signal });
    const code = await drain(
      world,
      listeners,
      settings.listener.drainSeconds * 1_000,
      world.signals.stopAtOnce,
    );
    await grpc?.server.close();
    await within(timers, STEP_MS_MAX, stopUpkeep());
    await within(timers, STEP_MS_MAX, events.close());
    await within(timers, STEP_MS_MAX, ledger.close());
    access.limits.close();
    log.info({ event: "stopped", code });
    return code;
  } finally {
    tls?.close();
    await within(timers, STEP_MS_MAX, upkeep.close());
    await within(timers, STEP_MS_MAX, tracing.close());
    await within(timers, STEP_MS_MAX, flush());
  }
}

/** The ledger, and the events of what is revoked. */
async function openRecords(
  loaded: Pick<Loaded, "settings" | "receiver">,
  access: OpenAccess,
  upkeep: KeyUpkeep,
  machine: Machine & Pick<ServeWorld, "version">,
  log: Log,
): Promise<{ readonly ledger: OpenLedger; readonly events: OpenEvents }> {
  const { settings } = loaded;
  const ledger = openLedger(settings, upkeep, machine, { log, version: machine.version });
  await ledger.load();
  const events = openEvents(settings, receiversOf(loaded, access), upkeep, ledger, machine, log);
  await events.load();
  return { ledger, events };
}

/** Who is sent events now. */
function receiversOf(
  { receiver }: Pick<Loaded, "receiver">,
  access: Pick<OpenAccess, "receivers">,
): () => readonly EventReceiver[] {
  return () => [...(receiver === undefined ? [] : [receiver]), ...access.receivers()];
}

/** Lets the listeners accept the client certificates that may prove a declared caller. */
function acceptCertificates(
  { directory }: OpenAccess,
  tls: OpenTls | undefined,
  log: Log,
  labels: LoadedSettings["labels"],
): void {
  if (tls !== undefined) {
    directory?.followClientCas(tls.trust);
    return;
  }
  const areDeclared = directory?.registry().callers.some(({ certificates }) => certificates.length > 0);
  if (areDeclared !== true) return;
  const message = `callers are declared who prove themselves by a certificate, and the listeners speak plain HTTP: such a caller is rejected; set ${labels.of("tls.certFile")} and ${labels.of("tls.keyFile")}`;
  log.warn({ event: "certificates_without_tls", message });
}

/** How long the end waits for a disk, a database or a log reader that does not answer. */
const STEP_MS_MAX = 1_000;

async function within(timers: Timers, milliseconds: number, step: Promise<void>): Promise<void> {
  const patience = timers.delay(milliseconds);
  await Promise.race([step, patience.over]);
  patience.cancel();
}

/** How long a start waits for the SPIFFE Workload API: an agent may start at the same time, and learns of a registration within seconds. */
const SPIFFE_MS_MAX = 30_000;
/** A start that fails in any case only asks whether the agent answers now, to report that too. */
const SPIFFE_LOST = { msMax: 2_000, notice: () => undefined };

/** Settings that can be run with, and what their files hold. */
export interface Loaded extends LoadedSettings {
  readonly token: Secret | undefined;
  readonly keys: LoadedKeySource;
  readonly access: LoadedAccess;
  /** `undefined`: the listeners speak plain HTTP. */
  readonly tls: LoadedTls | undefined;
  /** Who is sent events by the settings themselves; `undefined`: nobody. */
  readonly receiver: EventReceiver | undefined;
  /** The authorities of the receiver of traces; `undefined`: those of the machine. */
  readonly tracesCa: string | undefined;
}

/** The settings, and what their files hold. Everything is checked before anything is opened, so that all faults are reported at once. */
async function loadAll({ environment, random, clock, timers, err }: ServeWorld): Promise<Loaded> {
  const { faults: ownFaults, ...read } = readSettings(environment);
  const token = await attempt(() => adminToken(read.settings, read.labels));
  const keys = await attempt(() => loadKeys(read, random));
  const receiver = await attempt(() => loadReceiver(read));
  const tracesCa = await attempt(() => loadTracesCa(read));
  const isLost = ownFaults.length > 0 || [token, keys].flatMap(faultsOf).length > 0;
  const wait = isLost
    ? SPIFFE_LOST
    : { msMax: SPIFFE_MS_MAX, notice: (line: string) => err(`macp-auth: ${line}\n`) };
  const tls = await attempt(() => loadTls(read, { clock, timers, random }, wait));
  const bundles = bundlesOf(read, valueOr(tls, undefined));
  const access = await attempt(() => loadAccess(read, valueOr(token, undefined), bundles, timers));
  const faults = [...ownFaults, ...[token, keys, access, tls, receiver, tracesCa].flatMap(faultsOf)];
  const isDone =
    token.kind === "done" && keys.kind === "done" && access.kind === "done" && tls.kind === "done";
  if (!isDone || faults.length > 0) throw new ConfigError(faults);
  const warnings = [...read.warnings, ...access.value.warnings, ...(tls.value?.warnings ?? [])];
  const parts = {
    token: token.value,
    keys: keys.value,
    access: access.value,
    tls: tls.value,
    receiver: valueOr(receiver, undefined),
    tracesCa: valueOr(tracesCa, undefined),
  };
  return { ...read, warnings, ...parts };
}

/** Looks now at what is followed; resolves when what was found is in force. */
async function reload(upkeep: KeyUpkeep, access: OpenAccess, tls: OpenTls | undefined): Promise<void> {
  // A file is read when two looks agree on it.
  for (let look = 1; look <= 2; look += 1) {
    await upkeep.round();
    await access.look();
    await tls?.look();
  }
}

/** Logs that a SIGHUP was handled, and what it can reload. */
function reportReload(log: Log, { settings, labels, access, tls }: Loaded): void {
  const { followed: ofKeys } = wiredKeySource(settings.keys.source);
  const followed = [...ofKeys, ...access.followed, ...(tls?.followed ?? [])].map(labels.of);
  const message =
    followed.length === 0
      ? "nothing is followed: settings and keys are read at startup; restart the service to change them"
      : undefined;
  log.info({ event: "reloaded", signal: "SIGHUP", followed, message });
}

function addressOf({ server }: Listener): AddressInfo {
  return server.address() as AddressInfo;
}

function placeOf({ address, port }: AddressInfo): { address: string; port: number } {
  return { address, port };
}

function announce(
  world: ServeWorld,
  log: Log,
  { settings, labels, warnings, access }: Loaded,
  upkeep: KeyUpkeep,
  address: AddressInfo,
): void {
  const { jwks } = upkeep.directory.view();
  const served = jwks === undefined ? [] : (JSON.parse(jwks.body) as { keys: { kid: string }[] }).keys;
  log.info({
    event: "listening",
    version: world.version,
    ...placeOf(address),
    issuer: loggedText(settings.tokens.issuer),
    audience: loggedText(settings.tokens.audience),
    key_source: settings.keys.source.kind,
    alg: settings.keys.alg,
    caller_auth: access.mode,
    kids: served.map((key) => printable(key.kid)),
    node: world.nodeVersion,
  });
  const ended = endedNode(world.nodeVersion, world.clock.now());
  if (ended !== undefined) log.warn({ event: "node_end_of_life", message: `${ended.found}; ${ended.fix}` });
  const unsafe = unsafeClientCertificates(world.nodeVersion);
  if (unsafe !== undefined && asksForCertificates(settings.tls, access.registry))
    log.warn({ event: "node_client_certificates", message: `${unsafe.found}; ${unsafe.fix}` });
  for (const warning of warnings) log.warn({ event: "setting_warning", message: warning });
  if (wiredKeySource(settings.keys.source).endsWithProcess) {
    const message = `EPHEMERAL KEY: after every restart all earlier tokens are rejected, and a second instance cannot share the key; set ${labels.of("keys.file")}, or ${labels.of("keys.store")}`;
    log.warn({ event: "ephemeral_key", message });
  }
  if (!isLoopback(address.address) && access.mode !== "enforce") {
    const message = `OPEN MINT: anyone who reaches this port can have any identity; keep it inside a trusted network or, where all callers are on this machine, set ${labels.of("listener.host")}=127.0.0.1`;
    log.warn({ event: "open_mint", message });
  }
}
