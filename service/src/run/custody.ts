import { faultsOf } from "../config/faults-of.ts";
import { type RawEnvironment, withoutBlanks } from "../config/given.ts";
import type { ManagedSettings, Settings } from "../config/settings.ts";
import { steadyClock, systemClock, systemStopwatch } from "../kernel/clock.ts";
import { ConfigError, codeOf, messageOf } from "../kernel/faults.ts";
import { printable, printablePath } from "../kernel/printable.ts";
import { systemRandom } from "../kernel/random.ts";
import { Secret } from "../kernel/secret.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import { keyFileFollower, keyFileMark } from "../keys/follow-file.ts";
import type { ImportedKey } from "../keys/import-key.ts";
import { type KeepReport, keepManaged } from "../keys/keep-managed.ts";
import type { KeyDirectory } from "../keys/key-directory.ts";
import { StoreUnavailable } from "../keys/key-store.ts";
import { LiveKeys } from "../keys/live-keys.ts";
import { ephemeralKeys, keysFromFile, keysFromJwk, signersFor } from "../keys/load-keys.ts";
import { ManagedKeys } from "../keys/managed-keys.ts";
import { ringAtBoot } from "../keys/plan-file-change.ts";
import type { RotateDeps } from "../keys/rotate.ts";
import { overlapSeconds } from "../keys/timing.ts";
import { readVersionFile, writeVersionFile } from "../keys/version-file.ts";
import { openRotation, openSealer } from "../stores/open-rotation.ts";
import type { Log } from "../telemetry/log.ts";
import { alarmTeller, changeTeller, fenceTeller, signingKeyTeller } from "./tell-upkeep.ts";

/** The keys, and what keeps them: called once before the service listens, then every `everyMs`. */
export interface Custody {
  readonly directory: KeyDirectory;
  readonly everyMs: number;
  /** One round of upkeep. Never rejects: what goes wrong is logged, and the next round tries again. */
  keep(): Promise<void>;
  close(): Promise<void>;
  /** Tells a watcher of what upkeep finds amiss. */
  watch(watcher: UpkeepWatcher): void;
  /** What an operator may look at and change; `undefined` when the keys are given from outside. */
  readonly managed: ManagedCustody | undefined;
}

export interface UpkeepWatcher {
  alarm(kind: string): void;
  storeFailed(): void;
}

export interface ManagedCustody extends RotateDeps {
  readonly keys: ManagedKeys;
}

const LOOK_MS = 1_000;

/** Takes the keys into custody as the settings say. Throws `ConfigError` when they cannot be had. */
export async function openCustody(settings: Settings, log: Log): Promise<Custody> {
  const { keySource, alg } = settings;
  switch (keySource.kind) {
    case "ephemeral":
      return staticCustody(await ephemeralKeys(alg), settings, log);
    case "env":
      return staticCustody(keysFromJwk(keySource.variable, keySource.jwk, alg), settings, log);
    case "file": {
      const mark = await keyFileMark(keySource.path);
      return staticCustody(await keysFromFile(keySource.variable, keySource.path, alg), settings, log, mark);
    }
    case "managed":
      return managedCustody(keySource, settings, log);
  }
}

/** What is wrong with a given key, whatever else is wrong with the settings; empty when it is sound or none is given. `alg` undefined accepts any. */
export async function faultsOfGivenKey(
  environment: RawEnvironment,
  alg: Algorithm | undefined,
): Promise<readonly string[]> {
  const given = withoutBlanks(environment);
  const jwk = given["MACP_AUTH_SIGNING_KEY_JSON"];
  const path = given["MACP_AUTH_SIGNING_KEY_FILE"]?.trim();
  const look = async () => {
    if (jwk) keysFromJwk("MACP_AUTH_SIGNING_KEY_JSON", new Secret(jwk), alg);
    if (path) await keysFromFile("MACP_AUTH_SIGNING_KEY_FILE", path, alg);
  };
  return faultsOf(look());
}

/** What is wrong with the files and secrets that managed keys need. Looks only: no store is opened, nothing is written. */
export async function faultsOfManagedKeys({ keySource }: Settings): Promise<readonly string[]> {
  if (keySource.kind !== "managed") return [];
  const { versionFile } = keySource;
  return [
    ...(await faultsOf(openSealer(keySource))),
    ...(versionFile === undefined ? [] : await faultsOf(readVersionFile(versionFile))),
  ];
}

/** Keys that were given; a key file is followed. */
function staticCustody(imported: readonly ImportedKey[], settings: Settings, log: Log, mark = ""): Custody {
  const { keySource, alg, keyLeadSeconds: leadSeconds, timing } = settings;
  const clock = steadyClock(systemClock, systemStopwatch);
  const keys = new LiveKeys(ringAtBoot(imported, clock.now()), signersFor(imported), clock);
  const policy = { alg, leadSeconds, overlapSeconds: overlapSeconds(timing) };
  const look =
    keySource.kind === "file"
      ? keyFileFollower({ clock, keys, variable: keySource.variable, path: keySource.path, policy }, mark)
      : undefined;
  const tellSigningKey = signingKeyTeller(keys, systemClock, log);
  return {
    directory: keys,
    everyMs: LOOK_MS,
    managed: undefined,
    async keep() {
      const seen = await look?.();
      if (seen?.kind === "changed") log.info({ event: "key_file_followed", keys: ringForLog(keys) });
      if (seen?.kind === "refused")
        for (const fault of seen.faults)
          log.error({ event: "key_file_refused", message: `${fault}; the keys in force stay` });
      tellSigningKey();
    },
    watch: () => undefined,
    close: () => Promise.resolve(),
  };
}

/** Keys that this service makes and keeps in a store. A store that is down at start leaves the service fenced, not dead. */
async function managedCustody(source: ManagedSettings, settings: Settings, log: Log): Promise<Custody> {
  const versionSeenBefore = await versionSeenIn(source.versionFile);
  const deps = await openRotation(settings, source);
  const keys = new ManagedKeys({
    store: deps.store,
    sealer: deps.sealer,
    clock: systemClock,
    stopwatch: systemStopwatch,
    ...deps.policy,
    replicaId: systemRandom().bytes(9).toString("base64url"),
    versionSeenBefore,
  });
  const tellSigningKey = signingKeyTeller(keys, systemClock, log);
  const tellFence = fenceTeller(keys, systemClock, log);
  const tellChanges = changeTeller(log);
  const tellAlarms = alarmTeller(systemStopwatch, log);
  let versionWritten = versionSeenBefore;
  let watcher: UpkeepWatcher | undefined;
  const tellRound = ({ changes, alarms }: KeepReport): void => {
    tellChanges.made(changes);
    tellAlarms(alarms);
    for (const { kind } of alarms) watcher?.alarm(kind);
  };
  return {
    directory: keys,
    everyMs: Math.round((settings.timing.replicaLagSeconds * 1_000) / 6),
    managed: { ...deps, keys },
    // One round after the other, so that the reads of one never overtake those of the next.
    keep: inTurn(async () => {
      try {
        await keepManaged(deps, keys, tellRound);
        tellChanges.seen(keys.set);
        if (source.versionFile !== undefined && keys.versionSeen > versionWritten) {
          await writeVersionFile(source.versionFile, keys.versionSeen);
          versionWritten = keys.versionSeen;
        }
      } catch (thrown) {
        watcher?.storeFailed();
        log.error({
          event: thrown instanceof StoreUnavailable ? "key_store_unavailable" : "key_store_failed",
          fault: messageOf(thrown),
          fix: thrown instanceof StoreUnavailable ? thrown.fix : undefined,
        });
      }
      tellFence();
      tellSigningKey();
    }),
    watch(one) {
      watcher = one;
    },
    close: () => deps.store.close(),
  };
}

/**
 * The newest version that an earlier life of this replica saw; 0 without a version file. The file is written anew at once: one
 * that cannot be written would guard against no old backup, and nobody would notice.
 */
async function versionSeenIn(versionFile: string | undefined): Promise<number> {
  if (versionFile === undefined) return 0;
  const version = await readVersionFile(versionFile);
  try {
    await writeVersionFile(versionFile, version);
  } catch (thrown) {
    throw new ConfigError([
      `MACP_AUTH_KEY_VERSION_FILE: ${printablePath(versionFile)} cannot be written (${codeOf(thrown) ?? "unknown fault"}); mend the path or its permissions`,
    ]);
  }
  return version;
}

/** Makes each call of `run` wait for the ones before it. */
function inTurn(run: () => Promise<void>): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    last = last.then(run);
    return last;
  };
}

function ringForLog(keys: LiveKeys): object[] {
  return keys.ring.map(({ kid, activeFrom, retiredFrom, removedFrom }) => ({
    kid: printable(kid),
    active_from: activeFrom,
    retired_from: retiredFrom,
    removed_from: removedFrom,
  }));
}
