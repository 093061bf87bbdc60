import type { TlsFileSettings, TlsSettings } from "../../config/listeners/tls-settings.ts";
import type { SettingPath } from "../../config/settings.ts";
import type { Labels } from "../../config/source.ts";
import type { Log } from "../../telemetry/log.ts";
import type { BundlesNow } from "../access/load-callers.ts";
import { tlsFaultLine } from "../words/tls-fault-words.ts";
import type { CertificateFacts, TlsFault } from "./judge-tls.ts";
import { readTlsFiles, TLS_FILES, type TlsFilesRead } from "./tls-files.ts";

/** Where the certificate of the listeners and its key come from. */
export interface TlsSource {
  /** Gives them as they are now, with the files of the settings. */
  readonly read: () => Promise<TlsFilesRead>;
  /** What is to be said of a fault of them, a line that begins with the setting. */
  readonly lineOf: (fault: TlsFault) => string;
  /** What the operator should know of a certificate that can be served, a line each. */
  readonly warningsOf: (facts: CertificateFacts) => readonly string[];
  /** Calls `changed` when `read` gives something else for a reason that is in no file. The returned function ends that. */
  readonly follow: (log: Log, changed: () => void) => () => void;
  /** Whether it cannot be known what is newest. */
  readonly isLost: () => boolean;
  /** The trust bundles that come with the certificate, as they are now; `undefined`: it is none of SPIFFE's. */
  readonly bundles: BundlesNow | undefined;
}

/** The files that the settings name. */
export function fileSource(tls: TlsSettings & TlsFileSettings, labels: Labels): TlsSource {
  return {
    read: () => readTlsFiles(tls, labels),
    lineOf: (fault) => tlsFaultLine(fault, tls, labels),
    warningsOf: ({ hasNames }) =>
      hasNames
        ? []
        : [
            `${labels.of("tls.certFile")}: the certificate has no DNS name and no address as subjectAltName, and clients accept no other name; issue it with one`,
          ],
    follow: () => () => undefined,
    isLost: () => false,
    bundles: undefined,
  };
}

/** The settings of TLS that may change while the service runs. */
export function followedOf(tls: TlsSettings): readonly SettingPath[] {
  const files = TLS_FILES.filter((name) => tls[name] !== undefined).map((name) => `tls.${name}` as const);
  return tls.spiffe === undefined ? files : [...files, "tls.spiffeSocket"];
}
