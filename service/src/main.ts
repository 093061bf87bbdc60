import type { Server } from "node:http";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { pino } from "pino";
import { runCommandLine } from "./cli/main.ts";
import type { World } from "./cli/world.ts";
import { type LoadedSettings, loadSettings, type Settings } from "./config/settings.ts";
import { publicServer } from "./http/server.ts";
import { systemClock } from "./kernel/clock.ts";
import { codeOf, ConfigError, messageOf } from "./kernel/faults.ts";
import { printable } from "./kernel/printable.ts";
import { systemRandom } from "./kernel/random.ts";
import { type FollowDeps, keyFileFollower, keyFileMark } from "./keys/follow-file.ts";
import type { ImportedKey } from "./keys/import-key.ts";
import { LiveKeys } from "./keys/live-keys.ts";
import { ephemeralKeys, keysFromFile, keysFromJwk, signersFor } from "./keys/load-keys.ts";
import { ringAtBoot } from "./keys/plan-file-change.ts";
import { overlapSeconds } from "./keys/timing.ts";
import { type Log, openLog } from "./telemetry/log.ts";

const KEY_FILE_LOOK_MS = 1_000;
const SHUTDOWN_MS_MAX = 10_000;
/** What the log may hold in memory while its reader stalls; lines beyond are dropped rather than tokens held up. */
const LOG_BYTES_WAITING_MAX = 16 * 1024 * 1024;

/** Composition root: settings → keys → log → listener → timers → shutdown. Resolves to the exit code. */
async function serve(): Promise<number> {
  const loaded = await orFaults(() => loadSettings(process.env));
  if (loaded instanceof ConfigError) return fail(loaded.faults);
  const { settings } = loaded;
  const mark = settings.keySource.kind === "file" ? await keyFileMark(settings.keySource.path) : "";
  const imported = await orFaults(() => keysOf(settings));
  if (imported instanceof ConfigError) return fail(imported.faults);

  const { log, flush } = await openServiceLog(settings);
  const clock = systemClock;
  const keys = new LiveKeys(ringAtBoot(imported, clock.now()), signersFor(imported));
  const server = publicServer({
    clock,
    random: systemRandom(),
    keys,
    log,
    policy: settings,
    jwksMaxAgeSeconds: settings.timing.jwksMaxAgeSeconds,
  });
  const refusal = await listen(server, settings);
  if (refusal !== undefined) return fail([refusal]);
  announce(log, loaded, imported, server.address() as AddressInfo);

  const timers = [keepKeysFresh(log, keys, settings, mark)];
  const signal = await untilSignal();
  log.info({ event: "stopping", signal });
  for (const timer of timers) clearInterval(timer);
  const code = await drain(server);
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

function fail(faults: readonly string[]): number {
  for (const fault of faults) process.stderr.write(`macp-auth: ${fault}\n`);
  return 1;
}

function keysOf({ keySource, alg }: Settings): Promise<readonly ImportedKey[]> | readonly ImportedKey[] {
  switch (keySource.kind) {
    case "ephemeral":
      return ephemeralKeys(alg);
    case "env":
      return keysFromJwk(keySource.variable, keySource.jwk, alg);
    case "file":
      return keysFromFile(keySource.variable, keySource.path, alg);
  }
}

/** JSON lines, written off the event loop; on a terminal, lines for a person. */
async function openServiceLog({ logLevel }: Settings): Promise<{ log: Log; flush: () => Promise<void> }> {
  if (process.stdout.isTTY) {
    const { default: pretty } = await import("pino-pretty");
    const stream = pretty({ sync: true, messageKey: "message", translateTime: "SYS:HH:MM:ss" });
    return { log: openLog(logLevel, stream), flush: () => Promise.resolve() };
  }
  const destination = pino.destination({ fd: 1, sync: false, maxLength: LOG_BYTES_WAITING_MAX });
  // A log reader that went away must not take the service with it.
  destination.on("error", () => undefined);
  return {
    log: openLog(logLevel, destination),
    flush: () =>
      new Promise((resolve) => {
        // A fault here means that nobody reads the log any more: there is nowhere left to say so.
        destination.flush(() => {
          resolve();
        });
      }),
  };
}

/** Listens; resolves to a line for the operator when the address cannot be had. */
function listen(server: Server, { port, host }: Settings): Promise<string | undefined> {
  return new Promise((resolve) => {
    server.once("error", (fault) => {
      const place = host === undefined ? `port ${String(port)}` : `${printable(host)} port ${String(port)}`;
      const why = codeOf(fault);
      if (why === "EADDRINUSE") resolve(`PORT: ${place} is in use by another program; stop it or set PORT to a free one`);
      else if (why === "EACCES") resolve(`PORT: ${place} needs more rights than this user has; set PORT to 1024 or above`);
      else resolve(`HOST: cannot listen on ${place} (${why ?? messageOf(fault)}); set HOST to an address of this machine`);
    });
    // Without a host Node listens on :: and, where there is no IPv6, on 0.0.0.0.
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      resolve(undefined);
    });
  });
}

function announce(log: Log, { settings, warnings }: LoadedSettings, keys: readonly ImportedKey[], address: AddressInfo): void {
  log.info({
    event: "listening",
    version: versionOfThisPackage(),
    address: address.address,
    port: address.port,
    issuer: printable(settings.issuer),
    audience: printable(settings.audience),
    key_source: settings.keySource.kind,
    alg: settings.alg,
    kids: keys.map((key) => printable(key.kid)),
    node: process.version,
  });
  for (const warning of warnings) log.warn({ event: "setting_warning", message: warning });
  if (settings.keySource.kind === "ephemeral") {
    const message = "EPHEMERAL KEY: every restart refuses all earlier tokens, and a second instance cannot share it; set MACP_AUTH_SIGNING_KEY_FILE";
    log.warn({ event: "ephemeral_key", message });
  }
  if (!isLoopback(address.address)) {
    const message = "OPEN MINT: whoever reaches this port can have any identity; keep it inside a trusted network or set HOST=127.0.0.1";
    log.warn({ event: "open_mint", message });
  }
}

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}

/** Looks at the key file every second, and tells when another key begins to sign. */
function keepKeysFresh(log: Log, keys: LiveKeys, settings: Settings, mark: string): NodeJS.Timeout {
  const { keySource, alg, keyLeadSeconds, timing } = settings;
  const policy = { alg, leadSeconds: keyLeadSeconds, overlapSeconds: overlapSeconds(timing) };
  const look =
    keySource.kind === "file"
      ? keyFileFollower({ clock: systemClock, keys, variable: keySource.variable, path: keySource.path, policy } satisfies FollowDeps, mark)
      : undefined;
  let signing = keys.viewAt(systemClock.now()).signing?.kid;
  return setInterval(() => {
    void (async () => {
      const seen = await look?.();
      if (seen?.kind === "changed") log.info({ event: "key_file_followed", keys: ringForLog(keys) });
      if (seen?.kind === "refused") for (const fault of seen.faults) log.error({ event: "key_file_refused", message: `${fault}; the keys in force stay` });
      const current = keys.viewAt(systemClock.now()).signing?.kid;
      if (current !== signing) log.info({ event: "signing_key_changed", kid: current && printable(current), before: signing && printable(signing) });
      signing = current;
    })().catch((thrown: unknown) => {
      log.error({ event: "key_file_look_failed", fault: messageOf(thrown) });
    });
  }, KEY_FILE_LOOK_MS);
}

function ringForLog(keys: LiveKeys): object[] {
  return keys.ring.map(({ kid, activeFrom, retiredFrom, removedFrom }) => ({
    kid: printable(kid),
    active_from: activeFrom,
    retired_from: retiredFrom,
    removed_from: removedFrom,
  }));
}

function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
}

/** Stops accepting, lets requests in flight finish, and gives up after ten seconds. */
async function drain(server: Server): Promise<number> {
  let sweep: NodeJS.Timeout | undefined;
  let giveUp: NodeJS.Timeout | undefined;
  const closed = new Promise<number>((resolve) => {
    server.close(() => {
      resolve(0);
    });
    // Connections that were busy at close() become idle one by one.
    sweep = setInterval(() => {
      server.closeIdleConnections();
    }, 50);
  });
  const tooLate = new Promise<number>((resolve) => {
    giveUp = setTimeout(() => {
      server.closeAllConnections();
      resolve(1);
    }, SHUTDOWN_MS_MAX);
  });
  const code = await Promise.race([closed, tooLate]);
  clearInterval(sweep);
  clearTimeout(giveUp);
  return code;
}

function versionOfThisPackage(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return manifest.version;
}

const world: World = {
  environment: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  async readStdin() {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8");
  },
  stdoutIsTerminal: process.stdout.isTTY,
  stdinIsTerminal: process.stdin.isTTY,
  clock: systemClock,
  userId: process.getuid?.(),
  nodeVersion: process.version,
  serve,
};
process.exitCode = await runCommandLine(process.argv.slice(2), world);
