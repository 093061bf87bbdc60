import { z } from "zod";
import { loadSettings, readSettings } from "../../config/environment.ts";
import type { ManagedSource } from "../../config/settings.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import { lookAtFile } from "../../files/file-facts.ts";
import type { Kid } from "../../kernel/ids.ts";
import { isLoopback } from "../../kernel/loopback.ts";
import { StoreCorrupt, StoreUnavailable } from "../../kernel/store-faults.ts";
import type { KeySetDeps } from "../../keys/managed/change-key-set.ts";
import { answerOf, reportOf } from "../../keys/managed/key-report.ts";
import { operate } from "../../keys/managed/operate.ts";
import type { KeysReport, OperationAnswer } from "../../keys/managed/operator-shapes.ts";
import type { Acceptance, Operation } from "../../keys/managed/plan/plan-operation.ts";
import type { RotationRules } from "../../keys/managed/plan/rotation-rules.ts";
import type { StoreAccess } from "../../stores/open.ts";
import { corruptionLine } from "../../wiring/corruption-line.ts";
import { type OpenRotation, openRotation, openSealer } from "../../wiring/open-rotation.ts";
import { readSettingFile } from "../../wiring/read-secret.ts";
import { wiredStore } from "../../wiring/stores.ts";
import { below, readUrl } from "../client/service-url.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";
import type { World } from "../terminal/world.ts";
import { readAnswer, readReport } from "./answers.ts";
import { rulesOnStore, type ShellRules } from "./store-rules.ts";

/** What the key commands work on: the store itself, or a running service's admin listener. */
export interface KeysBackend {
  list(all: boolean): Promise<KeysReport>;
  operate(operation: Operation, accepted: ReadonlySet<Acceptance>): Promise<OperationAnswer>;
  close(): Promise<void>;
}

const ADMIN_MS_MAX = 10_000;
const STORE_WORDS_CHARACTERS_MAX = 400;

/** The admin listener when `--admin` is given, else the store that the environment names. Throws `CommandEnd` or `ConfigError`. */
export async function openBackend(
  admin: string | undefined,
  world: World,
  access: StoreAccess,
): Promise<KeysBackend> {
  return admin === undefined ? storeBackend(world, access) : adminBackend(adminUrl(admin), world);
}

function adminUrl(text: string): URL {
  if (!URL.canParse(text) || !/^https?:/i.test(text.trim()))
    throw wrongCall("--admin is not an http address; give one such as http://127.0.0.1:3201");
  return readUrl(text, "--admin");
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
      "no managed keys are configured here; give this command the settings of the service: --settings FILE, or MACP_AUTH_STORE_URL and MACP_AUTH_KEK_FILE",
    );
  if (wiredStore(source.store).endsWithProcess) {
    throw couldNot(
      "keys in memory: can be reached through the running service alone; use --admin http://127.0.0.1:PORT with its MACP_AUTH_ADMIN_PORT",
    );
  }
  return { ...loaded, managed: source };
}

/** Opens the store that the environment names. Throws `CommandEnd` for a SQLite file that does not exist: a mistyped name would make a new store. */
export async function openExistingStore(world: World, access: StoreAccess): Promise<OpenRotation> {
  const settings = managedSettings(world);
  const { file } = wiredStore(settings.managed.store);
  if (file !== undefined && (await lookAtFile(file)) === undefined)
    throw couldNot(
      `${shown(file)} does not exist; check the path in ${settings.labels.of("keys.store")} (serve makes a new store, with new keys)`,
    );
  return openStore(settings, world, access);
}

/** Opens the store of these settings; `make`: also where there is none yet. */
export async function openStore(
  { settings, labels, managed }: ManagedSettings,
  world: World,
  access: StoreAccess,
): Promise<OpenRotation> {
  const sealer = await openSealer(managed.kek, labels, world.random);
  return openRotation({ keys: settings.keys, labels }, managed, sealer, {
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

async function storeBackend(world: World, access: StoreAccess): Promise<KeysBackend> {
  const rotation = await openExistingStore(world, access);
  return {
    list: (all) => explainStoreFaults(() => listOnStore(rotation, all, world), world),
    operate: (operation, accepted) =>
      explainStoreFaults(() => operateOnStore(rotation, operation, accepted, world), world),
    close: () => rotation.database.close(),
  };
}

/** What a store holds, by the settings that it was run with; a look is not worth stopping for another setting of the shell. */
async function listOnStore({ store, rules }: KeySetDeps, all: boolean, world: World): Promise<KeysReport> {
  const set = await store.load();
  const found = rulesOnStore(shellRules(rules, world), set);
  for (const line of found.contradictions) world.err(`macp-auth: warning: ${line}\n`);
  return reportOf(set, found.rules, all);
}

/**
 * Carries out an operation on the store, by the settings that it was run with, and says what came of it. Throws `CommandEnd`
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
      `the service on this store runs with ${algs.join(" and ")}; say which one is meant with MACP_AUTH_SIGNING_ALG`,
    );
  const report = await operate({ ...rotation, rules }, operation, accepted);
  return answerOf(report, await store.load(), rules);
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
    if (thrown instanceof StoreUnavailable)
      throw couldNot(
        `the key store cannot be used (${shown(thrown.message, STORE_WORDS_CHARACTERS_MAX)}); ${shown(thrown.fix ?? "check MACP_AUTH_STORE_URL and that it runs", STORE_WORDS_CHARACTERS_MAX)}`,
      );
    const { settings, labels } = readSettings(environment);
    const kek = settings.keys.source.kind === "managed" ? settings.keys.source.kek : undefined;
    if (thrown instanceof StoreCorrupt)
      throw couldNot(corruptionLine(thrown.damage, labels.of(kek?.setting ?? "keys.kekFile")));
    throw thrown;
  }
}

async function adminBackend(url: URL, world: World): Promise<KeysBackend> {
  const token = await adminToken(world);
  if (token && url.protocol === "http:" && !isLoopback(url.hostname)) {
    throw wrongCall(
      "--admin is plain http to another machine, where the token could be read on its way; use a tunnel to 127.0.0.1, or https through a proxy",
    );
  }
  const headers = {
    "content-type": "application/json",
    ...(token && { authorization: `Bearer ${token.text}` }),
  };
  const ask = async (path: string, init: RequestInit): Promise<unknown> => {
    const [route = "", query = ""] = path.split("?");
    const target = below(url, route);
    target.search = query;
    const answer = await fetch(target, {
      ...init,
      headers,
      redirect: "error",
      signal: AbortSignal.timeout(ADMIN_MS_MAX),
    }).catch(() => undefined);
    if (answer === undefined)
      throw couldNot(
        `${shown(url.origin)} does not answer; check --admin and that the service runs with MACP_AUTH_ADMIN_PORT`,
      );
    const body: unknown = await answer.json().catch(() => undefined);
    if (answer.ok || isAnswer(body)) return body;
    throw couldNot(adminRefusal(url, answer.status, body, token));
  };
  return {
    list: async (all) => sound(readReport(await ask(all ? "/keys?all=true" : "/keys", {})), url),
    operate: async (operation, accepted) => {
      const { path, body } = requestOf(operation);
      return sound(
        readAnswer(
          await ask(path, {
            method: "POST",
            body: JSON.stringify({ ...body, accept: [...accepted] }),
          }),
        ),
        url,
      );
    },
    close: () => Promise.resolve(),
  };
}

/** Why the other side did not answer with 2xx, and the fix. */
function adminRefusal(url: URL, status: number, body: unknown, token: AdminToken | undefined): string {
  if (status === 401)
    return token
      ? `the admin listener expects another token than that of ${token.from}; set it to the service's own`
      : "the admin listener wants a token and none is set; set MACP_AUTH_ADMIN_TOKEN_FILE to the file of its own";
  const reason = shown(ErrorBody.safeParse(body).data?.error ?? "no reason given");
  const hint = status === 404 ? "; is this the admin listener (MACP_AUTH_ADMIN_PORT)?" : "";
  return `${shown(url.origin)} answered ${String(status)}: ${reason}${hint}`;
}

function sound<T>(answer: T | undefined, url: URL): T {
  if (answer === undefined)
    throw couldNot(`${shown(url.origin)} gave no answer of this service; check --admin`);
  return answer;
}

/** The bearer for the admin listener, and the variable that it is of. */
interface AdminToken {
  readonly text: string;
  readonly from: string;
}

/** The variable itself, else what its file holds. */
async function adminToken({ environment }: World): Promise<AdminToken | undefined> {
  const text = environment["MACP_AUTH_ADMIN_TOKEN"]?.trim();
  const path = environment["MACP_AUTH_ADMIN_TOKEN_FILE"]?.trim();
  if (text) return { text, from: "MACP_AUTH_ADMIN_TOKEN" };
  if (!path) return undefined;
  const from = "MACP_AUTH_ADMIN_TOKEN_FILE";
  return { text: (await readSettingFile(from, path)).trim(), from };
}

const ErrorBody = z.object({ error: z.string() });

function isAnswer(body: unknown): boolean {
  return typeof body === "object" && body !== null && "done" in body;
}

function requestOf(operation: Operation): { path: string; body: object } {
  const { kind, ...body } = operation;
  return {
    path: kind === "activate" && operation.kid === undefined ? "/keys/rotate" : `/keys/${kind}`,
    body,
  };
}

/** Fewer characters than this are sooner a slip than the beginning of a kid. */
const KID_BEGINNING_CHARACTERS_MIN = 4;

/** Throws `CommandEnd` for an empty kid, as of a variable that is not set: every kid begins with it. */
export function insistOnKid(given: string): void {
  if (given.trim() === "") throw wrongCall("KID is empty; name a key, see: macp-auth keys list --all");
}

/** A kid that was given in full or by an unmistakable beginning of at least four characters. Throws `CommandEnd` for any other. */
export function resolveKid(given: string, report: KeysReport): Kid {
  insistOnKid(given);
  const matches = report.keys.filter((key) => key.kid.startsWith(given));
  const exact = matches.find((key) => key.kid === given);
  if (exact !== undefined) return exact.kid as Kid;
  if (given.length < KID_BEGINNING_CHARACTERS_MIN)
    throw wrongCall(
      `${shown(given)} is too short for the beginning of a kid; give at least ${String(KID_BEGINNING_CHARACTERS_MIN)} of its characters`,
    );
  const [only, ...others] = matches;
  if (only === undefined)
    throw wrongCall(`no key has the kid ${shown(given)}; see: macp-auth keys list --all`);
  if (others.length > 0) throw wrongCall(`several keys begin with ${shown(given)}; give more of the kid`);
  return only.kid as Kid;
}
