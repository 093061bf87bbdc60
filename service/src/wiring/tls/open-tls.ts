import type { RequestListener, ServerOptions } from "node:http";
import type { Server } from "node:https";
import { ConfigError } from "../../config/config-error.ts";
import type { TlsSettings } from "../../config/listeners/tls-settings.ts";
import type { SettingPath } from "../../config/settings.ts";
import { groupFollower, type MarkedRead, readMarked } from "../../files/follow-group.ts";
import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import { oneAtATime } from "../../kernel/one-at-a-time.ts";
import type { Random } from "../../kernel/random.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { Log } from "../../telemetry/log.ts";
import type { BundlesNow } from "../access/load-callers.ts";
import { LOOK_MS, type UpkeepLoop } from "../key-upkeep.ts";
import { type Authorities, contextOptions } from "./context-options.ts";
import { expiryWatch } from "./expiry.ts";
import { judgeTls, type TlsMaterial } from "./judge-tls.ts";
import { ServedTls } from "./served-tls.ts";
import { pathsOf, type TlsFilesRead } from "./tls-files.ts";
import { followedOf, type TlsSource } from "./tls-source.ts";
import { trialHandshake } from "./trial-handshake.ts";

/** What following it needs of the world. */
export interface TlsMachine {
  readonly clock: Clock;
  readonly timers: Pick<Timers, "delay">;
  readonly random: Random;
}

/** A certificate that was read and can be served. */
export interface LoadedTls {
  /** The settings whose material may change while the service runs. */
  readonly followed: readonly SettingPath[];
  /** What the operator should know of the certificate, a line each. */
  readonly warnings: readonly string[];
  readonly notAfter: EpochSeconds;
  /** For how long it is valid as a whole. */
  readonly lifeSeconds: number;
  /** As they are now, also while it is open; `undefined`: no SPIFFE agent is asked. */
  readonly bundles: BundlesNow | undefined;
  open(log: Log): OpenTls;
}

/** The TLS of the listeners as it is now. */
export interface OpenTls {
  /** Makes a server that speaks TLS, and follows every later change. */
  readonly createServer: (
    options: ServerOptions & { readonly handshakeTimeout: number },
    onRequest: RequestListener,
  ) => Server;
  /**
   * Whose client certificates are accepted beside those of the settings, in place of what was given before. Takes effect for new
   * connections at once, also where clients were not asked for certificates so far. PEM that cannot be read trusts nobody.
   */
  readonly trust: (beside: Authorities) => void;
  /** Looks once at the files. */
  look(): Promise<void>;
  readonly loops: readonly UpkeepLoop[];
  status(): TlsStatus;
  /** Ends what is open to follow changes. */
  close(): void;
}

/** What an operator sees of it. */
export interface TlsStatus {
  /** Of the certificate that is served: hexadecimal, in capitals. */
  readonly serial: string;
  readonly notAfter: EpochSeconds;
  /** When the last authority of clients in the settings expires; `undefined`: the settings name none. */
  readonly authoritiesNotAfter: EpochSeconds | undefined;
  /** Whether what is newest cannot be served, or cannot be known, so that something older is. */
  readonly isStale: boolean;
}

/** Reads what the settings name. Throws `ConfigError` with every fault at once. */
export async function loadTlsFrom(
  source: TlsSource,
  tls: TlsSettings,
  machine: TlsMachine,
): Promise<LoadedTls> {
  const reader: Reader = { source, machine };
  const first = await readMarked(pathsOf(tls), source.read);
  const served = await servable(reader, first.read);
  if (served.kind === "faulty") throw new ConfigError(served.faults);
  const { material } = served;
  return {
    followed: followedOf(tls),
    warnings: source.warningsOf(material.facts),
    notAfter: material.facts.notAfter,
    lifeSeconds: material.facts.notAfter - material.facts.notBefore,
    bundles: source.bundles,
    open: (log) => openTls(reader, first, material, log),
  };
}

interface Reader {
  readonly source: TlsSource;
  readonly machine: TlsMachine;
}

type Servable =
  | { readonly kind: "servable"; readonly material: TlsMaterial }
  /** A line for each fault. */
  | { readonly kind: "faulty"; readonly faults: readonly string[] };

/** What was read, once it has gone through a handshake. */
async function servable({ source, machine }: Reader, read: TlsFilesRead): Promise<Servable> {
  if (read.kind === "unreadable") return { kind: "faulty", faults: read.faults };
  const judged = judgeTls(read.texts, machine.clock.now());
  if (judged.kind === "faulty") return { kind: "faulty", faults: judged.faults.map(source.lineOf) };
  const { material } = judged;
  const trial = await trialHandshake(contextOptions(material, material.authorities), machine.timers);
  const isServed = trial.kind === "done" && trial.fingerprint === material.facts.fingerprint;
  if (isServed) return { kind: "servable", material };
  const code = trial.kind === "failed" ? trial.code : "another certificate";
  return { kind: "faulty", faults: [source.lineOf({ file: "certFile", why: { kind: "rejected", code } })] };
}

function openTls(reader: Reader, first: MarkedRead<TlsFilesRead>, started: TlsMaterial, log: Log): OpenTls {
  const { source, machine } = reader;
  const served = new ServedTls(started);
  /** The faults of what is newest, as they were reported last; none: it is served. */
  let faults: readonly string[] = [];
  const warnOfExpiry = expiryWatch(log);

  const put = (outcome: Servable): void => {
    const { serial } = served.material.facts;
    if (outcome.kind === "faulty") {
      if (outcome.faults.join() !== faults.join())
        for (const fault of outcome.faults) log.error({ event: "tls_rejected", fault, in_force: serial });
      faults = outcome.faults;
      return;
    }
    faults = [];
    served.put(outcome.material);
    const { facts } = outcome.material;
    log.info({ event: "tls_changed", serial: facts.serial, not_after: facts.notAfter });
  };
  const follow = groupFollower(first, source.read);
  // A signal looks too, and what is in no file may change, while a look may be waiting for the disk.
  const inTurn = oneAtATime();
  let hasChanged = false;
  const look = (): Promise<void> =>
    inTurn(async () => {
      // What is unchanged may become servable: a certificate that is valid later, a folder that may be read again.
      const mustRead = hasChanged || faults.length > 0;
      hasChanged = false;
      const read = (await follow()) ?? (mustRead ? await source.read() : undefined);
      if (read !== undefined) put(await servable(reader, read));
      warnOfExpiry(served.material, machine.clock.now());
    });
  log.info({ event: "tls_loaded", serial: started.facts.serial, not_after: started.facts.notAfter });
  warnOfExpiry(started, machine.clock.now());
  const close = source.follow(log, () => {
    hasChanged = true;
    // A look that fails is repeated by the loop, which reports why.
    look().catch(() => {
      hasChanged = true;
    });
  });
  return {
    createServer: (options, onRequest) => served.createServer(options, onRequest),
    trust: (beside) => {
      served.trust(beside);
    },
    look,
    loops: [{ name: "tls", everyMs: LOOK_MS, run: look }],
    status: () => ({
      serial: served.material.facts.serial,
      notAfter: served.material.facts.notAfter,
      authoritiesNotAfter: served.material.authoritiesNotAfter,
      isStale: faults.length > 0 || source.isLost(),
    }),
    close,
  };
}
