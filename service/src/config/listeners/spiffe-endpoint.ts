import { isIP } from "node:net";
import { z } from "zod";
import { trustDomainOf } from "../../callers/foreign/spiffe-id.ts";
import { invisibleIn } from "../../kernel/printable.ts";
import { shownValue } from "../shown-value.ts";

/** Where the SPIFFE Workload API is served (SPIFFE Workload Endpoint section 4). */
export type SpiffeEndpoint =
  /** An absolute path. */
  | { readonly kind: "unix"; readonly path: string }
  /** An IP address, without brackets. */
  | { readonly kind: "tcp"; readonly address: string; readonly port: number };

/**
 * Reads `unix:///PATH`, its form without an authority `unix:/PATH`, or `tcp://ADDRESS:PORT`, without the blanks around it. Nothing else
 * may be in it: no host with a path, no path with a port, no user, query or fragment.
 */
export function spiffeEndpoint(): z.ZodPipe<z.ZodString, z.ZodTransform<SpiffeEndpoint, string>> {
  return z.string().transform((text, context) => {
    const found = endpointIn(text.trim());
    if (found !== undefined) return found;
    context.addIssue(
      `must be unix:///PATH or tcp://ADDRESS:PORT with an IP address, as SPIFFE_ENDPOINT_SOCKET is, and is ${shownValue(text)}`,
    );
    return z.NEVER;
  });
}

function endpointIn(text: string): SpiffeEndpoint | undefined {
  const [, written] = /^unix:(?:\/\/)?(\/[^/?#][^?#]*)$/i.exec(text) ?? [];
  if (written !== undefined) {
    const path = decoded(written);
    return path === undefined ? undefined : { kind: "unix", path };
  }
  return tcpEndpointIn(text);
}

function tcpEndpointIn(text: string): SpiffeEndpoint | undefined {
  const [, six, four, port] = /^tcp:\/\/(?:\[([^\]]+)\]|([0-9.]+)):([0-9]{1,5})$/i.exec(text) ?? [];
  const address = six ?? four ?? "";
  const isPort = Number(port) >= 1 && Number(port) <= 65_535;
  return isIP(address) === (six === undefined ? 4 : 6) && !address.includes("%") && isPort
    ? { kind: "tcp", address, port: Number(port) }
    : undefined;
}

/** The path of a URI as the file system has it. */
function decoded(written: string): string | undefined {
  try {
    const path = decodeURIComponent(written);
    return invisibleIn(path) === undefined ? path : undefined;
  } catch {
    return undefined;
  }
}

/** As a person wrote it, or could have. */
export function spiffeEndpointText(endpoint: SpiffeEndpoint): string {
  if (endpoint.kind === "unix") return `unix://${endpoint.path}`;
  const { address, port } = endpoint;
  return `tcp://${isIP(address) === 6 ? `[${address}]` : address}:${String(port)}`;
}

/** Reads a SPIFFE id, without the blanks around it. */
export function spiffeId(): z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> {
  return z.string().transform((text, context) => {
    const id = text.trim();
    if (trustDomainOf(id) !== undefined) return id;
    context.addIssue(
      `must be a SPIFFE id such as spiffe://example.org/macp-auth, and is ${shownValue(text)}`,
    );
    return z.NEVER;
  });
}
