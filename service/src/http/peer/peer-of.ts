import { isIPv4 } from "node:net";
import { canonicalAddress } from "./address.ts";
import type { AnnouncedClients } from "./announced-clients.ts";
import { type Hops, hopsOfForwarded, hopsOfForwardedFor } from "./forwarded.ts";

/** The proxies whose word about the client is believed; `undefined`: none is. */
export type TrustedProxies = DeclaredProxies | undefined;

export interface DeclaredProxies {
  /** Whether this address is one of theirs. */
  check(address: string, family: "ipv4" | "ipv6"): boolean;
  /** What they say before the first byte of a connection; `undefined`: they say it in headers. */
  readonly announced?: AnnouncedClients | undefined;
}

/** The part of a request that says where it comes from. */
export interface SentFrom {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** Where a request comes from. */
export interface Peer {
  /** The client's address in its one form (`canonicalAddress`); empty when the connection is gone. */
  readonly address: string;
  /** The proxy that says so, in the same form; `undefined`: the client is connected itself. */
  readonly proxy: string | undefined;
}

/**
 * Where a request comes from. `Forwarded` and `X-Forwarded-For` are read only when the connection comes from a declared proxy, from
 * the right, up to the first address that is not one: what stands left of it was written by the client. A hop that is not an
 * address ends the walk at the proxy before it. A proxy writes one of the two headers and passes the other on as the client sent
 * it, so where both are there and disagree, the client is the proxy itself. `X-Forwarded-Client-Cert` is never read. Where proxies
 * announce their clients, headers are not read at all: a proxy that passes TCP on passes on what the client wrote.
 */
export function peerOf({ headers, socket }: SentFrom, proxies: TrustedProxies): Peer {
  const own = canonicalAddress(socket.remoteAddress ?? "") ?? "";
  if (proxies === undefined || !isTrusted(proxies, own)) return { address: own, proxy: undefined };
  if (proxies.announced !== undefined) return { address: proxies.announced.of(socket) ?? own, proxy: own };
  const said = [
    ...saidBy(headers["forwarded"], hopsOfForwarded),
    ...saidBy(headers["x-forwarded-for"], hopsOfForwardedFor),
  ].map((hops) => clientAmong(hops, proxies, own));
  const [address = own] = said;
  return { address: said.every((one) => one === address) ? address : own, proxy: own };
}

/** The same for the log: without declared proxies the address stands as the system writes it. */
export function remoteOf(
  incoming: SentFrom,
  proxies: TrustedProxies,
): { readonly remote: string | undefined; readonly proxy?: string } {
  if (proxies === undefined) return { remote: incoming.socket.remoteAddress };
  const { address, proxy } = peerOf(incoming, proxies);
  return { remote: address, ...(proxy !== undefined && { proxy }) };
}

function saidBy(header: SentFrom["headers"][string], hopsOf: (value: string) => Hops): readonly Hops[] {
  return typeof header === "string" ? [hopsOf(header)] : [];
}

function clientAmong(hops: Hops, proxies: DeclaredProxies, proxy: string): string {
  let client = proxy;
  for (const hop of hops.toReversed()) {
    if (hop === undefined) return client;
    client = hop;
    if (!isTrusted(proxies, hop)) return client;
  }
  return client;
}

function isTrusted(proxies: DeclaredProxies, address: string): boolean {
  return address !== "" && proxies.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}
