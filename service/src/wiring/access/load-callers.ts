import { DEFAULT_CALLER } from "../../callers/caller.ts";
import type { CallerEntry, CallerRegistry } from "../../callers/declared/registry.ts";
import { openDirectory, type SettingSecret } from "../../callers/directory.ts";
import type { TokenReviewer } from "../../callers/foreign/issuer-keys.ts";
import { IssuerKeySets } from "../../callers/issuer-keys/issuer-key-sets.ts";
import type { UsedAssertions } from "../../callers/used-assertions.ts";
import { faultsOfBearer } from "../../config/bearer-secret.ts";
import { attempt, ConfigError, faultsOf, valueOr } from "../../config/config-error.ts";
import type { SecretSource } from "../../config/settings.ts";
import type { Labels } from "../../config/source.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import { groupFollower, type MarkedRead, readMarked } from "../../files/follow-group.ts";
import { readSmallFile, sizeOfFile } from "../../files/small-file.ts";
import type { Machine } from "../../kernel/machine.ts";
import { oneAtATime } from "../../kernel/one-at-a-time.ts";
import { textSetOf } from "../../kernel/patterns/text-set.ts";
import { Secret } from "../../kernel/secret.ts";
import { systemResolve } from "../../outbound/checked-lookup.ts";
import { fetchDocument, postDocument } from "../../outbound/fetch-document.ts";
import { tokenReviewer } from "../../outbound/token-review.ts";
import { usedAssertions } from "../../stores/used-assertions.ts";
import type { Log } from "../../telemetry/log.ts";
import { LOOK_MS, type UpkeepLoop } from "../key-upkeep.ts";
import { loadCounting, openLimits, type ProcessLimits } from "../limits/open-counting.ts";
import { readSecret } from "../read-secret.ts";
import type { AccessView, LoadedCallers, OpenAccess } from "./access-directory.ts";
import { modeOf } from "./access-mode.ts";
import { clientCaLoop } from "./client-ca-watch.ts";
import {
  type OwnSecrets,
  receiversWithoutLedger,
  twinsInDocument,
  twinsInSettings,
} from "./document-and-settings.ts";
import type { DocumentTask } from "./document-thread.ts";
import { documentWarner } from "./document-warnings.ts";
import type { TrustBundles } from "./expand/expand-client-cas.ts";
import { readDocumentApart } from "./read-apart.ts";
import {
  type AccessDocument,
  clientCaFilesOf,
  type DocumentRead,
  type DocumentRules,
  readDocument,
} from "./read-document.ts";

/** What the check of proofs needs of the world. */
interface AccessParts {
  readonly issuerKeys: IssuerKeySets;
  readonly tokenReviewer: TokenReviewer;
  readonly usedAssertions: UsedAssertions;
}

/** The trust bundles that the SPIFFE agent gives at this moment. */
export type BundlesNow = () => TrustBundles;

type Read = Pick<LoadedSettings, "settings" | "labels">;

/**
 * A larger document is read in a thread at the start too: what the reading leaves behind, up to a hundred times the document, goes with
 * the thread. In the service's own heap it would stay, make each collection of garbage slower, and so every mint.
 */
const READ_APART_BYTES = 256 * 1_024;

/**
 * Reads the access document and the shared secret of a mode that asks for callers; opens nothing. `adminToken`: of the admin listener,
 * where it could be read. `bundles`: of the SPIFFE agent, where one is named. `timers`: of a service, which reads a large document in a
 * thread. Throws `ConfigError` with every fault at once.
 */
export async function loadCallers(
  read: Read,
  adminToken: Secret | undefined,
  bundles?: BundlesNow,
  timers?: Machine["timers"],
): Promise<LoadedCallers> {
  const { settings, labels } = read;
  const { access, tokens } = settings;
  const { file, sharedSecret } = access;
  const rules = (): DocumentRules => ({
    tokens,
    hasDefaultCaller: sharedSecret !== undefined,
    clientCa: clientCaFilesOf(settings),
    bundles: bundles?.(),
  });
  const shared = await attempt(() => defaultCallers(sharedSecret, tokens.audience, labels));
  const own: OwnSecrets = { adminToken, shared: valueOr(shared, []) };
  const check = (found: DocumentRead) => fitting(found, own, read);
  const source =
    file === undefined
      ? undefined
      : await sourceOf(
          () => ({ path: file, setting: labels.of("access.file"), rules: rules() }),
          check,
          timers,
        );
  const first = source?.first.read ?? NO_DOCUMENT;
  const faults = [...faultsOf(shared), ...twinsInSettings(own, read)];
  if (first.kind === "rejected") faults.push(...first.faults);
  if (first.kind === "rejected" || faults.length > 0) throw new ConfigError([...new Set(faults)]);
  const openCounting = await loadCounting(settings);
  return {
    mode: modeOf(access, documentIn(source?.first.read)),
    followed: file === undefined ? [] : ["access.file"],
    registry: first.document.registry,
    files: first.paths,
    hasLimits: hasLimits(documentIn(source?.first.read)),
    open: (log, machine, database) => {
      const warn = documentWarner(log, tokens.issuer, database?.kind === "sql");
      const limits = openLimits(settings.limits, (watcher) => openCounting(machine, log, watcher));
      return openAccess({ read, own, source, warn, limits }, log, machine, {
        issuerKeys: new IssuerKeySets({
          ...machine,
          fetchDocument: fetchDocument(outbound(machine)),
          readBearer: readSmallFile,
        }),
        tokenReviewer: tokenReviewer({
          ...machine,
          postDocument: postDocument(outbound(machine)),
          readToken: readSmallFile,
        }),
        usedAssertions: usedAssertions(database, machine.clock),
      });
    },
  };
}

/** How requests to issuers leave this machine. */
export function outbound({ timers, steps }: Machine): Parameters<typeof fetchDocument>[0] {
  return { timers, resolve: systemResolve, steps };
}

/** A document that was read, and how it is read again. */
interface DocumentSource {
  readonly first: MarkedRead<DocumentRead>;
  readonly reread: (timers: Machine["timers"]) => Promise<DocumentRead>;
  /** Whether it would be read into something else although its files are the same. */
  readonly isOutdated: () => boolean;
}

/** `check`: what is looked at in a document beside itself, each time. */
async function sourceOf(
  taskNow: () => DocumentTask,
  check: (found: DocumentRead) => DocumentRead,
  timers: Machine["timers"] | undefined,
): Promise<DocumentSource> {
  let used = taskNow();
  const current = (): DocumentTask => {
    used = taskNow();
    return used;
  };
  const isApart = timers !== undefined && (await sizeOfFile(used.path)) > READ_APART_BYTES;
  const readHere = ({ path, setting, rules }: DocumentTask) => readDocument(path, setting, rules);
  const read = () => (isApart ? readDocumentApart(current(), timers) : readHere(current()));
  return {
    first: await readMarked([used.path], () => read().then(check)),
    reread: (ofMachine) => readDocumentApart(current(), ofMachine).then(check),
    isOutdated: () => taskNow().rules.bundles !== used.rules.bundles,
  };
}

/** A document in which a secret of the settings is a caller's too, or that asks for events that never come, is rejected, also at a reload. */
function fitting(read: DocumentRead, own: OwnSecrets, settings: Read): DocumentRead {
  const faults =
    read.kind === "read"
      ? [
          ...twinsInDocument(read.document.registry, own, settings),
          ...receiversWithoutLedger(read.document, settings),
        ]
      : [];
  return faults.length > 0 ? { kind: "rejected", faults, paths: read.paths } : read;
}

/** The caller of the shared secret, where there is one; it may ask about tokens of `audience`. Throws `ConfigError`. */
export async function defaultCallers(
  source: SecretSource | undefined,
  audience: string,
  labels: Labels,
): Promise<readonly SettingSecret[]> {
  if (source === undefined) return [];
  const text = (await readSecret(source, labels)).reveal().trim();
  const faults = faultsOfBearer(labels.of(source.setting), text);
  // What stands in a setting itself was judged with the settings.
  if (source.kind === "file" && faults.length > 0) throw new ConfigError(faults);
  const caller: CallerEntry = {
    id: DEFAULT_CALLER,
    owner: undefined,
    isDisabled: false,
    notAfter: undefined,
    role: undefined,
    // Without a document it may have anything minted for this audience; what is declared for others it cannot have.
    rights: { introspects: [audience], revokes: textSetOf([]).set, guards: false },
    secrets: [],
    workloads: [],
    assertionKeys: [],
    certificates: [],
  };
  return [{ caller, secret: new Secret(text), proof: "shared_secret" }];
}

interface Opened {
  readonly read: Read;
  readonly own: OwnSecrets;
  readonly source: DocumentSource | undefined;
  readonly warn: ReturnType<typeof documentWarner>;
  readonly limits: ProcessLimits;
}

function documentIn(read: DocumentRead | undefined): AccessDocument | undefined {
  return read?.kind === "read" ? read.document : undefined;
}

function hasLimits(document: AccessDocument | undefined): boolean {
  return document?.limits !== undefined;
}

function reportFaults(log: Log, faults: readonly string[], inForce: AccessDocument | undefined): void {
  for (const fault of faults)
    log.error({ event: "access_document_rejected", fault, in_force: inForce?.policy.hash });
}

function reportChange(log: Log, { registry, policy, grants }: AccessDocument): void {
  log.info({ event: "access_changed", policy: policy.hash, callers: registry.callers.length, grants });
}

const NOTHING: CallerRegistry = { issuers: [], callers: [], clientCas: [] };
const NO_DOCUMENT = { kind: "read", document: { registry: NOTHING }, paths: [] } as const;

function openAccess(
  { read: { settings }, own, source, warn, limits }: Opened,
  log: Log,
  { clock, random, timers }: Machine,
  parts: AccessParts,
): OpenAccess {
  let document = documentIn(source?.first.read);
  let mode = modeOf(settings.access, document);
  let loadedAt = clock.now();
  let isStale = false;
  let view = viewOf();
  warn(document);

  function viewOf(): AccessView {
    const registry = document?.registry ?? NOTHING;
    const directory = openDirectory(registry, random, { secrets: own.shared });
    parts.issuerKeys.retain(registry.issuers);
    const proofs = { ...parts, directory, ownIssuer: settings.tokens.issuer, clock };
    // Without a document the one caller that the settings make may have what it asks for.
    return { mode, policy: document?.policy, proofs, limits: limits.inForce(document?.limits) };
  }

  let trust: (cas: readonly string[]) => void = () => undefined;
  /** A document with faults is reported once, and what is in force stays in force. */
  const put = (read: DocumentRead): void => {
    isStale = read.kind === "rejected";
    if (read.kind === "rejected") {
      reportFaults(log, read.faults, document);
      return;
    }
    document = read.document;
    warn(document);
    // A document that loses its callers by mistake must not open the service.
    if (mode === "off") mode = modeOf(settings.access, document);
    loadedAt = clock.now();
    trust(clientCasIn(document.registry));
    view = viewOf();
    reportChange(log, document);
  };
  const look = source === undefined ? () => Promise.resolve() : looker(source, timers, put);
  const ofDocument = source === undefined ? [] : [documentLoop(look), clientCaLoop(log, clock, () => view)];
  return {
    directory: {
      issuerKeys: parts.issuerKeys,
      view: () => view,
      registry: () => document?.registry ?? NOTHING,
      followClientCas: (listener) => {
        trust = listener;
        trust(clientCasIn(document?.registry ?? NOTHING));
      },
      status: () => ({
        mode,
        policyHash: mode === "off" ? undefined : document?.policy.hash,
        loadedAt,
        isStale,
        callers: (document?.registry.callers.length ?? 0) + own.shared.length,
        grants: document?.grants ?? 0,
      }),
    },
    look,
    receivers: () => document?.receivers ?? [],
    loops: [...ofDocument, ...limits.loops],
    limits,
  };
}

function documentLoop(run: () => Promise<void>): UpkeepLoop {
  return { name: "access_document", everyMs: LOOK_MS, run };
}

/** Looks at a document once. A signal looks too, while a look may be waiting for its thread. */
function looker(
  { first, reread, isOutdated }: DocumentSource,
  timers: Machine["timers"],
  put: (read: DocumentRead) => void,
): () => Promise<void> {
  const follow = groupFollower(first, () => reread(timers));
  const inTurn = oneAtATime();
  return () =>
    inTurn(async () => {
      const read = (await follow()) ?? (isOutdated() ? await reread(timers) : undefined);
      if (read !== undefined) put(read);
    });
}

function clientCasIn({ clientCas }: CallerRegistry): readonly string[] {
  return clientCas.flatMap(({ caPem }) => (caPem === "" ? [] : [caPem]));
}
