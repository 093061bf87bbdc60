import { attempt, ConfigError, faultsOf } from "../../config/config-error.ts";
import type { ManagedSource } from "../../config/settings.ts";
import type { Labels } from "../../config/source.ts";
import { FileFault } from "../../files/file-fault.ts";
import { replaceFile } from "../../files/write-file.ts";
import { messageOf } from "../../kernel/faults.ts";
import type { Machine } from "../../kernel/machine.ts";
import { oneAtATime } from "../../kernel/one-at-a-time.ts";
import { StoreCorrupt, StoreUnavailable, StoreUnusable } from "../../kernel/store-faults.ts";
import type { KeyEncryptionKeys } from "../../keys/custody/key-encryption-keys.ts";
import type { KeySetDeps } from "../../keys/managed/change-key-set.ts";
import { ManagedKeys } from "../../keys/managed/managed-keys.ts";
import { type RoundReport, rotationRound, wholeRound } from "../../keys/managed/round.ts";
import { leaseRoundSeconds } from "../../keys/timing.ts";
import type { Log } from "../../telemetry/log.ts";
import { type KeyUpkeep, LOOK_MS, type UpkeepWatcher } from "../key-upkeep.ts";
import { openKeks, openRotation, type StoreReports } from "../open-rotation.ts";
import { alarmReporter, changeReporter, fenceReporter, signingKeyReporter } from "../report-upkeep.ts";
import { wiredStore } from "../stores.ts";
import { corruptionLine } from "../words/corruption-line.ts";
import { fileFaultLine } from "../words/file-fault-words.ts";
import { outageLine, storeFaultLine, storeFaultWords } from "../words/store-fault-words.ts";
import { ENDS_WITH_PROCESS } from "./ephemeral.ts";
import type { LoadContext, WiredKeySource } from "./key-source.ts";
import { readVersionFile } from "./version-file.ts";

/** Keys that this service makes and keeps in a store. */
export function managed(source: ManagedSource): WiredKeySource {
  const { store, kek } = source;
  const { endsWithProcess } = wiredStore(store);
  return {
    followed: ["keys.store"],
    endsWithProcess,
    secretFiles: kek?.kind === "file" ? [{ path: kek.path, holds: "other-secret" }] : [],
    advise: ({ labels }) =>
      endsWithProcess
        ? {
            found: `managed keys are kept in memory: ${ENDS_WITH_PROCESS}`,
            fix: `set ${labels.of("keys.store")} to sqlite:PATH or postgres://…`,
          }
        : { found: `managed keys, another every ${String(Math.round(source.periodSeconds / 86_400))} days` },
    async load(context) {
      const { labels, random } = context;
      const [keks, version] = await Promise.all([
        attempt(() => openKeks(kek, labels, random)),
        attempt(() => versionSeenIn(source.versionFile, labels.of("keys.versionFile"))),
      ]);
      if (keks.kind === "done" && version.kind === "done") {
        const loaded = { ...context, keks: keks.value, versionSeenBefore: version.value };
        return { given: undefined, open: (log, machine) => managedUpkeep(source, loaded, log, machine) };
      }
      throw new ConfigError([...faultsOf(keks), ...faultsOf(version)]);
    },
  };
}

interface Loaded extends LoadContext {
  readonly keks: KeyEncryptionKeys;
  /** The newest version that an earlier life of this replica saw; 0 when it remembers none. */
  readonly versionSeenBefore: number;
}

/** A store that is down at start leaves the service running and fenced. */
async function managedUpkeep(
  source: ManagedSource,
  loaded: Loaded,
  log: Log,
  machine: Machine,
): Promise<KeyUpkeep> {
  const { keys: keySettings, labels, keks, versionSeenBefore } = loaded;
  const { stopwatch } = machine;
  await insistWritable(source.versionFile, versionSeenBefore, labels.of("keys.versionFile"));
  let watcher: UpkeepWatcher | undefined;
  const deps = await openRotation(loaded, source, keks, {
    ...machine,
    ...reportsTo(log, (count) => watcher?.fetchesDropped(count)),
  });
  const keys = viewOf(deps, machine, versionSeenBefore);
  const reportSigningKey = signingKeyReporter(keys, log);
  const reportFence = fenceReporter(keys, log, deps.rules);
  const reportChanges = changeReporter(log);
  const reportAlarms = alarmReporter(stopwatch, log);
  const noteVersion = versionNoter(source.versionFile, versionSeenBefore);
  const reportRound = ({ changes, alarms }: RoundReport): void => {
    reportChanges.made(changes);
    reportAlarms(alarms);
    for (const { kind } of alarms) watcher?.alarm(kind);
  };
  const round = roundOf(
    { log, labels, kek: source.kek },
    async () => {
      reportChanges.seen(keys.set);
      await noteVersion(keys.versionSeen);
    },
    () => watcher?.storeFailed(),
  );
  const watch = (): Promise<void> => {
    reportFence();
    reportSigningKey();
    return Promise.resolve();
  };
  const rotationInTurn = oneAtATime();
  const rotation = round(() => rotationRound(deps, keys, reportRound));
  const everyMs = Math.round(leaseRoundSeconds(keySettings.timing) * 1_000);
  const whole = round(() => wholeRound(deps, keys, reportRound));
  return {
    directory: keys,
    usage: keys.usage,
    database: deps.database,
    sealing: deps.sealing,
    managed: { ...deps, keys },
    round: () => rotationInTurn(whole).then(round(watch)).catch(UNREPORTABLE),
    // The lease has its own loop, so that no lease ends because a rotation waits for a slow key or a slow store.
    loops: [
      { name: "lease", everyMs, run: round(() => keys.renew()) },
      { name: "rotation", everyMs, run: () => rotationInTurn(rotation) },
      { name: "fence", everyMs: Math.min(LOOK_MS, everyMs), run: watch },
    ],
    watch(one) {
      watcher = one;
    },
    close: () => deps.database.close(),
  };
}

/** What the store reports goes to the log, and what it drops is counted too. */
function reportsTo(log: Log, dropped: (count: number) => void): StoreReports {
  return {
    warn: (message) => {
      log.warn({ event: "store_warning", message });
    },
    fetchesDropped: (count, why) => {
      dropped(count);
      log.warn({ event: "fetches_dropped", fetches: count, fault: outageLine(why) });
    },
    destroyFailed: (kid, why) => {
      log.error({ event: "key_destroy_failed", kid, fault: messageOf(why) });
    },
  };
}

/** The keys as this replica will see them, under a name of its own for this life. */
function viewOf(
  { store, custody, rules }: KeySetDeps,
  { clock, stopwatch, random }: Machine,
  versionSeenBefore: number,
): ManagedKeys {
  return new ManagedKeys({
    store,
    custody,
    clock,
    stopwatch,
    ...rules,
    replicaId: random.bytes(9).toString("base64url"),
    versionSeenBefore,
  });
}

/** The log itself failed while it reported a fault: there is nowhere left to report that. */
const UNREPORTABLE = (): void => undefined;

/** Makes a round of some work: `done` follows when it went well; faults are logged, and `failed` is called for those of the store. */
function roundOf(
  { log, labels, kek }: Pick<LoadContext, "labels"> & Pick<ManagedSource, "kek"> & { readonly log: Log },
  done: () => Promise<void>,
  failed: () => void,
) {
  const lineFor = (thrown: unknown): Record<string, unknown> => {
    if (thrown instanceof StoreUnavailable) {
      const { message: fault, fix } = storeFaultWords(thrown);
      return { event: "key_store_unavailable", reason: thrown.reason, fault, fix };
    }
    if (thrown instanceof StoreCorrupt)
      return {
        event: "key_store_failed",
        reason: thrown.damage.what,
        fault: corruptionLine(thrown.damage, labels.of(kek?.setting ?? "keys.kekFile")),
      };
    return { event: "upkeep_failed", loop: "managed keys", fault: faultLine(thrown, labels) };
  };
  return (work: () => Promise<void>) => async (): Promise<void> => {
    try {
      await work();
      await done();
    } catch (thrown) {
      if (thrown instanceof StoreUnavailable || thrown instanceof StoreCorrupt) failed();
      log.error(lineFor(thrown));
    }
  };
}

function faultLine(thrown: unknown, labels: Labels): string {
  if (thrown instanceof FileFault) return fileFaultLine(labels.of("keys.versionFile"), thrown);
  if (thrown instanceof StoreUnusable) return `${labels.of("keys.store")}: ${storeFaultLine(thrown)}`;
  return messageOf(thrown);
}

/** Writes each newer version to the version file, one write at a time; does nothing without a file. */
function versionNoter(versionFile: string | undefined, versionSeenBefore: number) {
  const inTurn = oneAtATime();
  let written = versionSeenBefore;
  return (version: number): Promise<void> =>
    inTurn(async () => {
      if (versionFile === undefined || version <= written) return;
      await replaceFile(versionFile, `${String(version)}\n`);
      written = version;
    });
}

async function versionSeenIn(versionFile: string | undefined, setting: string): Promise<number> {
  return versionFile === undefined ? 0 : readVersionFile(setting, versionFile);
}

/** The version file is rewritten at start: one that cannot be written would protect from no old backup, and nobody would notice. */
async function insistWritable(
  versionFile: string | undefined,
  version: number,
  setting: string,
): Promise<void> {
  if (versionFile === undefined) return;
  await replaceFile(versionFile, `${String(version)}\n`).catch((thrown: unknown) => {
    throw thrown instanceof FileFault ? new ConfigError([fileFaultLine(setting, thrown)]) : thrown;
  });
}
