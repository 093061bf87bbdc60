import { ConfigError } from "../../../config/config-error.ts";
import { spiffeEndpointText } from "../../../config/listeners/spiffe-endpoint.ts";
import type { TlsSettings, TlsSpiffeSettings } from "../../../config/listeners/tls-settings.ts";
import type { Labels } from "../../../config/source.ts";
import { printable } from "../../../kernel/printable.ts";
import { firstSvids, followSvids } from "../../../outbound/workload-api/follow-svids.ts";
import type { X509SvidMessage } from "../../../outbound/workload-api/messages.ts";
import { streamOpener } from "../../../outbound/workload-api/open-stream.ts";
import type { StreamFailure } from "../../../outbound/workload-api/stream-failure.ts";
import type { Log } from "../../../telemetry/log.ts";
import type { TrustBundles } from "../../access/expand/expand-client-cas.ts";
import { streamFailureWords, svidFaultWords, svidMaterialWords } from "../../words/spiffe-fault-words.ts";
import { tlsFaultLine } from "../../words/tls-fault-words.ts";
import type { CertificateFacts } from "../judge-tls.ts";
import type { TlsMachine } from "../open-tls.ts";
import { readTlsFiles, type TlsFilesRead } from "../tls-files.ts";
import type { TlsSource } from "../tls-source.ts";
import { bundlesIn } from "./bundles.ts";
import { type SvidTexts, svidIn } from "./svid-texts.ts";

/** How a start waits for the Workload API. */
export interface SvidWait {
  readonly msMax: number;
  /** Writes the line that says so, once. */
  readonly notice: (line: string) => void;
}

/** What the Workload API gave last. */
type Newest =
  | { readonly kind: "given"; readonly texts: SvidTexts }
  | { readonly kind: "faulty"; readonly line: string };

/**
 * The certificate and key that the SPIFFE Workload API gives; authorities of clients are in files as ever. What the agent no longer gives
 * stays in force until something else can be served: an agent that is restarted must not end a service. Throws `ConfigError` when nothing
 * was given in time.
 */
export async function loadSvidSource(
  tls: TlsSettings & TlsSpiffeSettings,
  labels: Labels,
  machine: TlsMachine,
  { msMax, notice }: SvidWait,
): Promise<TlsSource> {
  const { endpoint, id } = tls.spiffe;
  const place = `${labels.of("tls.spiffeSocket")}: ${printable(spiffeEndpointText(endpoint))}`;
  const open = streamOpener(endpoint);
  const first = await firstSvids(open, machine, {
    msMax,
    onWaiting: (failure) => {
      notice(`${place} ${streamFailureWords(failure)}; waiting ${String(msMax / 1_000)} seconds for it`);
    },
  });
  if ("kind" in first) throw new ConfigError([`${place} ${streamFailureWords(first)}`]);
  const given = new Given(place, newestIn(first, id, place));
  given.putBundles(first);
  return {
    read: async () => withSvid(await readTlsFiles(tls, labels), given.newest),
    lineOf: (fault) =>
      fault.file === "certFile" || fault.file === "keyFile"
        ? `${place} ${svidMaterialWords(fault, given.id)}`
        : tlsFaultLine(fault, tls, labels),
    warningsOf: (facts) => warningsOf(facts, first, tls, labels),
    follow: (log, changed) =>
      followSvids(open, machine, {
        onMessage: (message) => {
          given.found(log);
          given.putBundles(message);
          if (given.put(newestIn(message, id, place))) changed();
        },
        onFailure: (failure) => {
          given.lost(failure, log);
        },
      }),
    isLost: () => given.isLost,
    bundles: () => given.bundles,
  };
}

/** What was given last, and whether more would be noticed. */
class Given {
  readonly #place: string;
  #newest: Newest;
  #id = "";
  #bundles: TrustBundles = new Map();
  /** Why nothing more is given, as it was reported. */
  #loss: string | undefined;

  constructor(place: string, newest: Newest) {
    this.#place = place;
    this.#newest = newest;
    this.put(newest);
  }

  get newest(): Newest {
    return this.#newest;
  }

  /** Of the certificate that was given last. */
  get id(): string {
    return this.#id;
  }

  get isLost(): boolean {
    return this.#loss !== undefined;
  }

  get bundles(): TrustBundles {
    return this.#bundles;
  }

  /** What a whole message does not have any more is not trusted any more (SPIFFE Workload API section 4.4). */
  putBundles(message: X509SvidMessage): void {
    if (message.svids.length === 0) return;
    const next = bundlesIn(message);
    if (textOfBundles(next) !== textOfBundles(this.#bundles)) this.#bundles = next;
  }

  /** Whether it is another one: the message of a stream that is opened again is most often the same. */
  put(next: Newest): boolean {
    const isOther = textOf(next) !== textOf(this.#newest);
    this.#newest = next;
    if (next.kind === "given") this.#id = next.texts.id;
    return isOther;
  }

  /** Each reason is reported once. */
  lost(failure: StreamFailure, log: Log): void {
    const fault = `${this.#place} ${streamFailureWords(failure)}`;
    if (fault === this.#loss) return;
    this.#loss = fault;
    log.warn({ event: "spiffe_unavailable", fault });
  }

  found(log: Log): void {
    if (this.#loss !== undefined) log.info({ event: "spiffe_available" });
    this.#loss = undefined;
  }
}

function newestIn(message: X509SvidMessage, id: string | undefined, place: string): Newest {
  const judged = svidIn(message, id);
  return judged.kind === "usable"
    ? { kind: "given", texts: judged.texts }
    : { kind: "faulty", line: `${place} ${svidFaultWords(judged.fault)}` };
}

function textOf(newest: Newest): string {
  if (newest.kind === "faulty") return newest.line;
  return newest.texts.certificate + newest.texts.key.reveal();
}

function textOfBundles(bundles: TrustBundles): string {
  return JSON.stringify([...bundles].sort());
}

function withSvid(files: TlsFilesRead, newest: Newest): TlsFilesRead {
  const faults = [
    ...(newest.kind === "faulty" ? [newest.line] : []),
    ...(files.kind === "unreadable" ? files.faults : []),
  ];
  if (newest.kind === "faulty" || files.kind === "unreadable")
    return { kind: "unreadable", faults, paths: files.paths };
  const { certificate, key } = newest.texts;
  return { ...files, texts: { ...files.texts, certificate, key } };
}

function warningsOf(
  { hasNames }: CertificateFacts,
  { svids }: X509SvidMessage,
  { spiffe: { id } }: TlsSpiffeSettings,
  labels: Labels,
): readonly string[] {
  const socket = labels.of("tls.spiffeSocket");
  return [
    ...(hasNames
      ? []
      : [
          `${socket}: the certificate has no DNS name, and only clients that look for a SPIFFE id accept it; register the service with one, for SPIRE with: spire-server entry create -dns NAME`,
        ]),
    ...(svids.length > 1 && id === undefined
      ? [
          `${socket}: ${String(svids.length)} identities are given, and the first is served; name one with ${labels.of("tls.spiffeId")}`,
        ]
      : []),
  ];
}
