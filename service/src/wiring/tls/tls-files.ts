import { resolve } from "node:path";
import type { TlsSettings } from "../../config/listeners/tls-settings.ts";
import type { Labels } from "../../config/source.ts";
import { FileFault } from "../../files/file-fault.ts";
import { readSmallFile } from "../../files/small-file.ts";
import { Secret } from "../../kernel/secret.ts";
import { fileFaultLine } from "../words/file-fault-words.ts";

/** The settings that name the files. */
export const TLS_FILES = ["certFile", "keyFile", "clientCaFile", "crlFile"] as const;

/** What the files hold, not looked at yet. */
export interface TlsTexts {
  readonly certificate: string;
  readonly key: Secret;
  readonly clientCas: string | undefined;
  readonly crls: string | undefined;
}

export type TlsFilesRead = { readonly paths: readonly string[] } & (
  | { readonly kind: "read"; readonly texts: TlsTexts }
  /** A line for each file that cannot be read. */
  | { readonly kind: "unreadable"; readonly faults: readonly string[] }
);

/** The paths of the files, in their order. */
export function pathsOf(tls: TlsSettings): readonly string[] {
  return TLS_FILES.flatMap((name) => (tls[name] === undefined ? [] : [resolve(tls[name])]));
}

/** Reads them all. */
export async function readTlsFiles(tls: TlsSettings, labels: Labels): Promise<TlsFilesRead> {
  const faults: string[] = [];
  const textOf = async (name: (typeof TLS_FILES)[number]): Promise<string | undefined> => {
    const path = tls[name];
    if (path === undefined) return undefined;
    try {
      return await readSmallFile(path);
    } catch (thrown) {
      if (!(thrown instanceof FileFault)) throw thrown;
      faults.push(fileFaultLine(labels.of(`tls.${name}`), thrown));
      return undefined;
    }
  };
  const [certificate = "", key = "", clientCas, crls] = [
    await textOf("certFile"),
    await textOf("keyFile"),
    await textOf("clientCaFile"),
    await textOf("crlFile"),
  ];
  const paths = pathsOf(tls);
  if (faults.length > 0) return { kind: "unreadable", faults, paths };
  return { kind: "read", texts: { certificate, key: new Secret(key), clientCas, crls }, paths };
}
