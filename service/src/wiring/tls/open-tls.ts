import type { RequestListener, ServerOptions } from "node:http";
import type { Server } from "node:https";
import { ConfigError } from "../../config/config-error.ts";
import type { SettingPath, TlsSettings } from "../../config/settings.ts";
import type { Labels } from "../../config/source.ts";
import { groupFollower, type MarkedRead, readMarked } from "../../files/follow-group.ts";
import type { Clock, EpochSeconds } from "../../kernel/clock.ts";
import { oneAtATime } from "../../kernel/one-at-a-time.ts";
import type { Timers } from "../../kernel/timers.ts";
import type { Log } from "../../telemetry/log.ts";
import { LOOK_MS, type UpkeepLoop } from "../key-upkeep.ts";
import { tlsFaultLine } from "../words/tls-fault-words.ts";
import { type Authorities, contextOptions } from "./context-options.ts";
import { expiryWatch } from "./expiry.ts";
import { judgeTls, type TlsMaterial } from "./judge-tls.ts";
import { ServedTls } from "./served-tls.ts";
import { pathsOf, readTlsFiles, TLS_FILES, type TlsFilesRead } from "./tls-files.ts";
import { trialHandshake } from "./trial-handshake.ts";

/** What following the files needs of the world. */
export interface TlsMachine {
  readonly clock: Clock;
  readonly timers: Pick<Timers, "delay">;
}

/** Files of TLS that were read and can be served. */
export interface LoadedTls {
  /** The settings whose files may change while the service runs. */
  readonly followed: readonly SettingPath[];
  /** What the operator should know of the certificate, a line each. */
  readonly warnings: readonly string[];
  readonly notAfter: EpochSeconds;
  open(log: Log): OpenTls;
}

/** The TLS of the listeners, as the files say it now. */
export interface OpenTls {
  /** Makes a server that speaks TLS, and follows every later change of the files. */
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
}

/** What an operator sees of it. */
export interface TlsStatus {
  /** Of the certificate that is served: hexadecimal, in capitals. */
  readonly serial: string;
  readonly notAfter: EpochSeconds;
  /** When the last authority of clients in the settings expires; `undefined`: the settings name none. */
  readonly authoritiesNotAfter: EpochSeconds | undefined;
  /** Whether the files have changed into ones that cannot be served, so that older ones are. */
  readonly isStale: boolean;
}

/** Reads the files that the settings name. Throws `ConfigError` with every fault at once. */
export async function loadTlsFiles(
  tls: TlsSettings,
  labels: Labels,
  machine: TlsMachine,
): Promise<LoadedTls> {
  const reader: Reader = { tls, labels, machine };
  const first = await readMarked(pathsOf(tls), () => readTlsFiles(tls, labels));
  const served = await servable(reader, first.read);
  if (served.kind === "faulty") throw new ConfigError(served.faults);
  const { material } = served;
  return {
    followed: TLS_FILES.filter((name) => tls[name] !== undefined).map((name) => `tls.${name}` as const),
    warnings: material.facts.hasNames
      ? []
      : [
          `${labels.of("tls.certFile")}: the certificate has no subjectAltName, and clients accept no other name; issue it with one`,
        ],
    notAfter: material.facts.notAfter,
    open: (log) => openTls(reader, first, material, log),
  };
}

interface Reader {
  readonly tls: TlsSettings;
  readonly labels: Labels;
  readonly machine: TlsMachine;
}

type Servable =
  | { readonly kind: "servable"; readonly material: TlsMaterial }
  /** A line for each fault. */
  | { readonly kind: "faulty"; readonly faults: readonly string[] };

/** What was read, once it has gone through a handshake. */
async function servable({ tls, labels, machine }: Reader, read: TlsFilesRead): Promise<Servable> {
  if (read.kind === "unreadable") return { kind: "faulty", faults: read.faults };
  const judged = judgeTls(read.texts, machine.clock.now());
  if (judged.kind === "faulty")
    return { kind: "faulty", faults: judged.faults.map((fault) => tlsFaultLine(fault, tls, labels)) };
  const { material } = judged;
  const trial = await trialHandshake(contextOptions(material, material.authorities), machine.timers);
  const isServed = trial.kind === "done" && trial.fingerprint === material.facts.fingerprint;
  if (isServed) return { kind: "servable", material };
  const code = trial.kind === "failed" ? trial.code : "another certificate";
  const fault = { file: "certFile", why: { kind: "rejected", code } } as const;
  return { kind: "faulty", faults: [tlsFaultLine(fault, tls, labels)] };
}

function openTls(reader: Reader, first: MarkedRead<TlsFilesRead>, started: TlsMaterial, log: Log): OpenTls {
  const { tls, labels, machine } = reader;
  const served = new ServedTls(started);
  /** The faults of the newest files, as they were reported last; none: they are served. */
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
  const reread = (): Promise<TlsFilesRead> => readTlsFiles(tls, labels);
  const follow = groupFollower(first, reread);
  // A signal looks too, while a look may be waiting for the disk.
  const inTurn = oneAtATime();
  const look = (): Promise<void> =>
    inTurn(async () => {
      // Unchanged files may become servable: a certificate that is valid later, a folder that may be read again.
      const read = (await follow()) ?? (faults.length > 0 ? await reread() : undefined);
      if (read !== undefined) put(await servable(reader, read));
      warnOfExpiry(served.material, machine.clock.now());
    });
  log.info({ event: "tls_loaded", serial: started.facts.serial, not_after: started.facts.notAfter });
  warnOfExpiry(started, machine.clock.now());
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
      isStale: faults.length > 0,
    }),
  };
}
