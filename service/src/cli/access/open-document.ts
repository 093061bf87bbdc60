import { Argument } from "commander";
import { readSettings } from "../../config/environment.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import type { AccessDocument, DocumentExamined } from "../../wiring/access/read-document.ts";
import { insistOnText } from "../input/setting.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import type { World } from "../terminal/world.ts";

/** An access document that a command works with, and the settings of the service beside it. */
export interface OpenDocument extends AccessDocument, Pick<LoadedSettings, "settings" | "labels"> {
  readonly file: string;
  readonly lineOf: Extract<DocumentExamined, { readonly kind: "read" }>["lineOf"];
}

const VARIABLE = "MACP_AUTH_CONFIG_FILE";

/** The argument that names the document. */
export function documentArgument(): Argument {
  return new Argument("[FILE]", `the access document (default: ${VARIABLE})`);
}

/**
 * Opens the document that is named, else the one of the settings, with the issuer, the audience and the TTLs of the settings. Throws
 * `CommandEnd` with every fault of the document, each with its line and column.
 */
export async function openDocument(named: string | undefined, world: World): Promise<OpenDocument> {
  insistOnText("FILE", named);
  const environment = named === undefined ? world.environment : { ...world.environment, [VARIABLE]: named };
  const { settings, labels, faults } = readSettings(environment);
  if (faults.length > 0) throw couldNot(...faults);
  const { file, sharedSecret } = settings.access;
  if (file === undefined)
    throw wrongCall(`no access document is named; give FILE, or set ${VARIABLE}, also with --settings`);
  const { clientCaFilesOf, examineDocument } = await import("../../wiring/access/read-document.ts");
  const read = await examineDocument(file, named === undefined ? VARIABLE : undefined, {
    tokens: settings.tokens,
    hasDefaultCaller: sharedSecret !== undefined,
    clientCa: clientCaFilesOf(settings),
    // A command asks no agent: its trust domains prove nobody here.
    bundles: new Map(),
  });
  if (read.kind === "rejected") throw couldNot(...read.faults);
  return { ...read.document, file, settings, labels, lineOf: read.lineOf };
}
