import { isIPv4 } from "node:net";
import { peerOf, type SentFrom, type TrustedProxies } from "../peer/peer-of.ts";

/** IPv4 in IPv6 (RFC 4291 section 2.5.5.2), as sockets and as the URL parser write it. */
const MAPPED = "::ffff:";
const PREFIX_GROUPS = 4;
const GROUPS = 8;

/**
 * By what the requests of one client are counted: its IPv4 address, or the first 64 bits of its IPv6 address, since one host commonly
 * has all addresses of such a network. An IPv4 address in IPv6 is the IPv4 address.
 */
export function addressKeyOf(address: string | undefined): string {
  if (address === undefined) return "unknown";
  if (!address.includes(":")) return address;
  if (address.startsWith(MAPPED)) {
    const embedded = address.slice(MAPPED.length);
    if (isIPv4(embedded)) return embedded;
  }
  const groups = groupsOf(address.split("%", 1)[0] ?? "");
  if (groups === undefined) return address;
  const [high, low] = groups.slice(-2).map((group) => Number.parseInt(group, 16));
  if (groups.slice(0, -2).join(":") === "0:0:0:0:0:ffff")
    return [high ?? 0, low ?? 0].flatMap((group) => [group >> 8, group & 0xff]).join(".");
  return `${groups.slice(0, PREFIX_GROUPS).join(":")}::/64`;
}

/** The same of who sends a request, behind declared proxies too. */
export function clientKeyOf(incoming: SentFrom, proxies: TrustedProxies): string {
  return addressKeyOf(
    proxies === undefined ? incoming.socket.remoteAddress : peerOf(incoming, proxies).address,
  );
}

/** The eight groups of an IPv6 address; `undefined` when it is none. The URL parser writes each in one form (RFC 5952). */
function groupsOf(address: string): readonly string[] | undefined {
  const url = `http://[${address}]/`;
  if (!URL.canParse(url)) return undefined;
  const [head = "", tail] = new URL(url).hostname.slice(1, -1).split("::");
  const start = head === "" ? [] : head.split(":");
  if (tail === undefined) return start;
  const end = tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: GROUPS - start.length - end.length }, () => "0");
  return [...start, ...zeros, ...end];
}
