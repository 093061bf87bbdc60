import { loadSettings, readSettings } from "../../config/environment.ts";
import type { ManagedSource } from "../../config/settings.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import { lookAtFile } from "../../files/file-facts.ts";
import { outageText, worded } from "../../http/operation-words.ts";
import { StoreCorrupt, StoreUnavailable, StoreUnusable } from "../../kernel/store-faults.ts";
import type { KeySetDeps } from "../../keys/managed/change-key-set.ts";
import { answerOf, reportOf } from "../../keys/managed/key-report.ts";
import { operate } from "../../keys/managed/operate.ts";
import type { KeysReport, OperationAnswer } from "../../keys/managed/operator-shapes.ts";
import type { Acceptance, Operation } from "../../keys/managed/plan/plan-operation.ts";
import type { RotationRules } from "../../keys/managed/plan/rotation-rules.ts";
import { PURPOSES } from "../../keys/purposes/purpose-key-store.ts";
import type { StoreAccess } from "../../stores/open.ts";
import { noteDeps } from "../../wiring/ledger/open-notes.ts";
import { openPurposeKeys } from "../../wiring/open-purpose-keys.ts";
import { type OpenRotation, openKeks, openRotation } from "../../wiring/open-rotation.ts";
import { wiredStore } from "../../wiring/stores.ts";
import { corruptionLine } from "../../wiring/words/corruption-line.ts";
import { storeFaultLine, storeFaultWords } from "../../wiring/words/store-fault-words.ts";
import { couldNot } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import type { KeysBackend } from "./backend.ts";
import { rulesOnStore, type ShellRules } from "./store-rules.ts";

const STORE_WORDS_CHARACTERS_MAX = 400;

/** The keys in the store that the environment names, without a service. Throws `CommandEnd` or `ConfigError`. */
export async function storeBackend(world: World, access: StoreAccess): Promise<KeysBackend> {
  const rotation = await openExistingStore(managedSettings(world), world, access);
  return {
    list: (all) => explainStoreFaults(() => listOnStore(rotation, all, world), world),
    operate: (operation, accepted) =>
      explainStoreFaults(async () => {
        const answer = await operateOnStore(rotation, operation, accepted, world);
        if (operation.kind === "reseal") await resealOtherKeys(rotation, world);
        return answer;
      }, world),
    close: () => rotation.database.close(),
  };
}

/** The keys that sign no tokens are sealed as those of the set are. */
async function resealOtherKeys({ database, sealing }: OpenRotation, { clock }: World): Promise<void> {
  const nowMs = () => clock.nowMs();
  if (database.kind === "sql") await noteDeps("", { database, sealing }, nowMs).keys.reseal();
  for (const purpose of PURPOSES) await openPurposeKeys(purpose, { database, sealing }, nowMs).reseal();
}

/** Settings with managed keys whose store a command can reach. */
export interface ManagedSettings extends LoadedSettings {
  readonly managed: ManagedSource;
}

/** The managed-key settings of the environment, for the commands that work on the store. Throws when there is no store to work on. */
export function managedSettings(world: World): ManagedSettings {
  const loaded = loadSettings(world.environment);
  for (const warning of loaded.warnings) world.err(`macp-auth: warning: ${warning}\n`);
  const { source } = loaded.settings.keys;
  if (source.kind !== "managed")
    throw couldNot(
      "the environment configures no managed keys; use the settings of the service: --settings FILE, or MACP_AUTH_STORE_URL and MACP_AUTH_KEK_FILE",
    );
  if (wiredStore(source.store).endsWithProcess) {
    throw couldNot(
      "the keys of a memory: store can only be reached through the running service; use --admin http://127.0.0.1:PORT with its MACP_AUTH_ADMIN_PORT",
    );
  }
  return { ...loaded, managed: source };
}

/** Opens the store of these settings. Throws `CommandEnd` for a SQLite file that does not exist: a mistyped name would make a new store. */
export async function openExistingStore(
  settings: ManagedSettings,
  world: World,
  access: StoreAccess,
): Promise<OpenRotation> {
  const { file } = wiredStore(settings.managed.store);
  if (file !== undefined && (await lookAtFile(file)) === undefined)
    throw couldNot(
      `${shown(file)} does not exist; check the path in ${settings.labels.of("keys.store")} (serve would make a new store with new keys)`,
    );
  return openStore(settings, world, access);
}

/** Opens the store of these settings; `make`: also where there is none yet. */
export async function openStore(
  { settings, labels, managed }: ManagedSettings,
  world: World,
  access: StoreAccess,
): Promise<OpenRotation> {
  const keks = await openKeks(managed.kek, labels, world.random);
  return openRotation({ keys: settings.keys, labels }, managed, keks, {
    clock: world.clock,
    random: world.random,
    warn: warner(world),
    access,
  });
}

/** Writes a warning to standard error. */
function warner(world: World): (message: string) => void {
  return (message) => {
    world.err(`macp-auth: warning: ${message}\n`);
  };
}

/** What a store holds, by the settings of its service. A setting of the shell that contradicts them is only a warning. */
async function listOnStore({ store, rules }: KeySetDeps, all: boolean, world: World): Promise<KeysReport> {
  const set = await store.load();
  const found = rulesOnStore(shellRules(rules, world), set);
  for (const line of found.contradictions) world.err(`macp-auth: warning: ${line}\n`);
  return worded(reportOf(set, found.rules, all));
}

/**
 * Executes an operation on the store, by the settings of its service, and returns the result. Throws `CommandEnd`
 * when the shell's own settings contradict those.
 */
export async function operateOnStore(
  rotation: KeySetDeps,
  operation: Operation,
  accepted: ReadonlySet<Acceptance>,
  world: World,
): Promise<OperationAnswer> {
  const { store } = rotation;
  const shell = shellRules(rotation.rules, world);
  const { rules, algs, contradictions } = rulesOnStore(shell, await store.load());
  // How private parts are encrypted depends on no rule.
  if (contradictions.length > 0 && operation.kind !== "reseal") throw couldNot(...contradictions);
  if (meansAnyAlgorithm(operation) && algs.length > 1 && !shell.isSet("MACP_AUTH_SIGNING_ALG"))
    throw couldNot(
      `the service on this store runs with ${algs.join(" and ")}; set MACP_AUTH_SIGNING_ALG to one of them`,
    );
  const report = await operate({ ...rotation, rules }, operation, accepted);
  return answerOf(report, await store.load(), rules, outageText);
}

/** Whether the operation is about the configured algorithm, and names neither it nor a key. */
function meansAnyAlgorithm(operation: Operation): boolean {
  if (operation.kind === "prepare") return operation.alg === undefined;
  return operation.kind === "activate" && operation.kid === undefined;
}

function shellRules(rules: RotationRules, { environment }: World): ShellRules {
  return { rules, isSet: (variable) => environment[variable] !== undefined };
}

/** Runs it; a fault of the store ends the command with a line for the operator. */
export async function explainStoreFaults<T>(run: () => Promise<T>, { environment }: World): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof StoreUnavailable) {
      const { message, fix = "check MACP_AUTH_STORE_URL and that it runs" } = storeFaultWords(thrown);
      throw couldNot(
        `the key store cannot be used (${shown(message, STORE_WORDS_CHARACTERS_MAX)}); ${shown(fix, STORE_WORDS_CHARACTERS_MAX)}`,
      );
    }
    const { settings, labels } = readSettings(environment);
    if (thrown instanceof StoreUnusable)
      throw couldNot(`${labels.of("keys.store")}: ${storeFaultLine(thrown)}`);
    const kek = settings.keys.source.kind === "managed" ? settings.keys.source.kek : undefined;
    if (thrown instanceof StoreCorrupt)
      throw couldNot(corruptionLine(thrown.damage, labels.of(kek?.setting ?? "keys.kekFile")));
    throw thrown;
  }
}
