import type { SpiffeEndpoint } from "./spiffe-endpoint.ts";

/** The TLS of the listeners: where their certificate and key come from, and the files of whose client certificates are accepted. */
export type TlsSettings = (TlsFileSettings | TlsSpiffeSettings) & {
  readonly clientCaFile: string | undefined;
  readonly crlFile: string | undefined;
};

/** Files, PEM. */
export interface TlsFileSettings {
  readonly certFile: string;
  readonly keyFile: string;
  readonly spiffe: undefined;
}

/** The SPIFFE Workload API. */
export interface TlsSpiffeSettings {
  readonly certFile: undefined;
  readonly keyFile: undefined;
  readonly spiffe: {
    readonly endpoint: SpiffeEndpoint;
    /** The one to serve; `undefined`: the first. */
    readonly id: string | undefined;
  };
}

/** As the settings are written. */
export interface WrittenTls {
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly clientCaFile?: string | undefined;
  readonly crlFile?: string | undefined;
  readonly spiffeSocket?: SpiffeEndpoint | undefined;
  readonly spiffeId?: string | undefined;
}

/** Certificate and key are given together, or a fault says so; `undefined`: no certificate is named. */
export function tlsSettings(written: WrittenTls): TlsSettings | undefined {
  const { certFile, keyFile, spiffeSocket, spiffeId, clientCaFile, crlFile } = written;
  const clients = { clientCaFile, crlFile };
  if (certFile !== undefined && keyFile !== undefined)
    return { certFile, keyFile, spiffe: undefined, ...clients };
  if (spiffeSocket === undefined) return undefined;
  const spiffe = { endpoint: spiffeSocket, id: spiffeId };
  return { certFile: undefined, keyFile: undefined, spiffe, ...clients };
}
