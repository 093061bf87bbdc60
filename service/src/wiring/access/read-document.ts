import { dirname, resolve } from "node:path";
import { type CallerId, DEFAULT_CALLER } from "../../callers/caller.ts";
import type { CallerRegistry, ClientCaEntry } from "../../callers/declared/registry.ts";
import type { AccessText } from "../../config/access/access-schema.ts";
import { readAccess } from "../../config/access/read-access.ts";
import type { AccessFault } from "../../config/access/read-yaml.ts";
import type { Settings } from "../../config/settings.ts";
import type { EventReceiver } from "../../events/receiver.ts";
import { FileFault } from "../../files/file-fault.ts";
import { printablePath } from "../../files/printable-path.ts";
import { readSmallFile } from "../../files/small-file.ts";
import type { LimitPlan } from "../../limits/limit-plan.ts";
import type { CompiledPolicy } from "../../policy/compile-policy.ts";
import type { Policy } from "../../policy/policy.ts";
import { fileFaultLine } from "../words/file-fault-words.ts";
import { expandAccess } from "./expand/expand-access.ts";
import type { TrustBundles } from "./expand/expand-client-cas.ts";

/** An access document that can be used. */
export interface AccessDocument {
  readonly registry: CallerRegistry;
  readonly rules: Policy;
  readonly policy: CompiledPolicy;
  /** `undefined`: nothing is limited. */
  readonly limits: LimitPlan | undefined;
  /** Who is sent events. */
  readonly receivers: readonly EventReceiver[];
  /** Whether it has limits or receivers of events and nothing else: then nobody is asked who they are. */
  readonly asksNobody: boolean;
  /** How many grants it has. */
  readonly grants: number;
}

/** `paths`: the document, and the files that it names: a change of any of them may change what was read. */
export type DocumentRead = { readonly paths: readonly string[] } & (
  | { readonly kind: "read"; readonly document: AccessDocument }
  /** A line for each fault. `mayPass`: the system did not let a file be read, which may change while the file does not. */
  | { readonly kind: "rejected"; readonly faults: readonly string[]; readonly mayPass?: boolean }
);

/** What a document is read for. */
export type DocumentRules = Pick<Settings, "tokens"> & {
  /** Whether the settings make the caller `default`. */
  readonly hasDefaultCaller: boolean;
  /** The files that the settings make the client CA `default` of; `undefined`: none. */
  readonly clientCa: ClientCaFiles | undefined;
  /** What the SPIFFE agent gives now; `undefined`: none is named. */
  readonly bundles: TrustBundles | undefined;
};

/** The certificates of authorities, and their revocation lists. */
export interface ClientCaFiles {
  readonly caFile: string;
  readonly crlFile: string | undefined;
}

/** The files of the client CA that the settings make. */
export function clientCaFilesOf({ tls }: Pick<Settings, "tls">): ClientCaFiles | undefined {
  return tls?.clientCaFile === undefined ? undefined : { caFile: tls.clientCaFile, crlFile: tls.crlFile };
}

/** Reads an access document and the files that it names, whole. `setting` names the document in a fault of the file itself. */
export async function readDocument(
  path: string,
  setting: string | undefined,
  rules: DocumentRules,
): Promise<DocumentRead> {
  const read = await examineDocument(path, setting, rules);
  // The text with its places is larger than what it means, and a service keeps only this.
  return read.kind === "read" ? { kind: "read", document: read.document, paths: read.paths } : read;
}

/** A document, and where in it something stands. */
export type DocumentExamined =
  | (Extract<DocumentRead, { readonly kind: "read" }> & {
      /** What is to be said of a place of the document, as a line that begins with this place. */
      readonly lineOf: (fault: AccessFault) => string;
    })
  | Extract<DocumentRead, { readonly kind: "rejected" }>;

/** The same, for a command that reviews the document. */
export async function examineDocument(
  path: string,
  setting: string | undefined,
  { tokens, hasDefaultCaller, clientCa, bundles }: DocumentRules,
): Promise<DocumentExamined> {
  const paths = [path];
  const text = await readText(path, DOCUMENT_MEBIBYTES_MAX);
  if (typeof text !== "string")
    return { kind: "rejected", faults: [fileFaultLine(setting, text)], mayPass: isSystems(text), paths };
  let mayPass = false;
  const read = readAccess(printablePath(path), text);
  if (read.kind === "rejected") return { ...read, paths };
  const defaultClientCa = clientCa && (await readClientCa(clientCa, paths));
  if (defaultClientCa instanceof FileFault)
    return { kind: "rejected", faults: [fileFaultLine(undefined, defaultClientCa)], paths };
  const expanded = await expandAccess(read.access, {
    ownIssuer: tokens.issuer,
    policyRules: tokens,
    reserved: hasDefaultCaller ? RESERVED : [],
    defaultClientCa,
    bundles,
    pathOf: (named) => resolve(dirname(path), named),
    readFile: async (named) => {
      const whole = resolve(dirname(path), named);
      if (!paths.includes(whole)) paths.push(whole);
      const content = await readText(whole);
      mayPass ||= isSystems(content);
      return content;
    },
  });
  if (expanded.kind === "rejected")
    return { kind: "rejected", faults: expanded.faults.map(read.lineOf), mayPass, paths };
  const document = {
    ...expanded,
    asksNobody: asksNobody(read.access),
    grants: read.access.grants.length,
  };
  return { kind: "read", document, lineOf: read.lineOf, paths };
}

/** Adds to `paths` what it reads. */
async function readClientCa(
  { caFile, crlFile }: ClientCaFiles,
  paths: string[],
): Promise<Omit<ClientCaEntry, "name"> | FileFault> {
  paths.push(resolve(caFile), ...(crlFile === undefined ? [] : [resolve(crlFile)]));
  const caPem = await readText(resolve(caFile));
  const crlPem = crlFile === undefined ? undefined : await readText(resolve(crlFile));
  if (caPem instanceof FileFault) return caPem;
  return crlPem instanceof FileFault ? crlPem : { caPem, crlPem };
}

function asksNobody({ limits, events, callers, issuers, groups, grants, denies }: AccessText): boolean {
  const declared = [callers, issuers, groups.agents, groups.callers].flatMap((members) =>
    Object.keys(members),
  );
  const hasOthers = limits !== undefined || Object.keys(events).length > 0;
  return hasOthers && declared.length + grants.length + denies.length === 0;
}

const RESERVED: readonly CallerId[] = [DEFAULT_CALLER];

/** 100,000 callers with a secret each. */
const DOCUMENT_MEBIBYTES_MAX = 32;

function isSystems(content: string | FileFault): boolean {
  return typeof content !== "string" && content.kind === "unreadable";
}

async function readText(path: string, mebibytesMax = 1): Promise<string | FileFault> {
  try {
    return await readSmallFile(path, mebibytesMax);
  } catch (thrown) {
    if (thrown instanceof FileFault) return thrown;
    throw thrown;
  }
}
