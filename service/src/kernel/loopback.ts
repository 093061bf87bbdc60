import { BlockList, isIP } from "node:net";

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");

/**
 * Whether the host of a URL or of a listener can only be this machine: an address of the loopback interface, also as IPv6 writes
 * an IPv4 address, or `localhost` (RFC 6761 section 6.3). Not the names below `localhost`: some resolvers ask the network for
 * them. Not `127.1` or `0x7f.1`: only some resolvers read these as addresses.
 */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const family = isIP(bare);
  if (family === 0) return bare.toLowerCase() === "localhost";
  return LOOPBACK.check(bare, family === 6 ? "ipv6" : "ipv4");
}
