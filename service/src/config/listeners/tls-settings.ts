import { z } from "zod";
import { path } from "../fields.ts";
import { type SpiffeEndpoint, spiffeEndpoint, spiffeId } from "./spiffe-endpoint.ts";

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

/** The settings of TLS as a person writes them. */
export const TlsWritten = z.object({
  certFile: path()
    .optional()
    .describe("the certificate of the listeners and its chain, PEM; turns TLS on; watched"),
  keyFile: path().optional().describe("the private key of that certificate, PEM; watched"),
  clientCaFile: path()
    .optional()
    .describe("authorities of client certificates, PEM; clients are asked for one; watched"),
  crlFile: path().optional().describe("revocation lists of those authorities, one of each, PEM; watched"),
  spiffeSocket: spiffeEndpoint()
    .optional()
    .describe(
      "the SPIFFE Workload API, `unix:///PATH` or `tcp://ADDRESS:PORT`, which gives the listeners their certificate and key in place of files; turns TLS on; watched",
    ),
  spiffeId: spiffeId()
    .optional()
    .describe("which of the SPIFFE ids that it issues is served; unset means the first"),
});

/** Certificate and key are given together, or a fault says so; `undefined`: no certificate is named. */
export function tlsSettings(written: z.infer<typeof TlsWritten>): TlsSettings | undefined {
  const { certFile, keyFile, spiffeSocket, spiffeId, clientCaFile, crlFile } = written;
  const clients = { clientCaFile, crlFile };
  if (certFile !== undefined && keyFile !== undefined)
    return { certFile, keyFile, spiffe: undefined, ...clients };
  if (spiffeSocket === undefined) return undefined;
  const spiffe = { endpoint: spiffeSocket, id: spiffeId };
  return { certFile: undefined, keyFile: undefined, spiffe, ...clients };
}
