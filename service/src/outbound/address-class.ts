import { BlockList, isIP, isIPv4 } from "node:net";

/**
 * What an address is to a service that fetches from it. `never`: link-local (the metadata of clouds), unspecified, multicast,
 * reserved, or not an address.
 */
export type AddressClass = "public" | "private" | "loopback" | "never";

const LOOPBACK = listOf(["127.0.0.0/8", "::1/128"]);
/** RFC 1918, RFC 6598 (shared by carriers and by Kubernetes services), RFC 4193. */
const PRIVATE = listOf(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"]);
/** The rest of the IANA special-purpose registries for IPv4. */
const RESERVED_IPV4 = listOf([
  "0.0.0.0/8",
  "169.254.0.0/16",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
]);
/** Only this part of IPv6 is assigned to the internet; in it, Teredo and its neighbours, examples, and 6to4, which embeds an IPv4 address. */
const GLOBAL_IPV6 = listOf(["2000::/3"]);
const RESERVED_IPV6 = listOf(["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"]);
/** Prefixes of 96 bits before an IPv4 address: mapped (RFC 4291 section 2.5.5.2) and NAT64 (RFC 6052 section 2.1). */
const EMBEDDING = listOf(["::ffff:0:0/96", "64:ff9b::/96"]);

/** The class of an IP address in text. An IPv6 address that embeds an IPv4 address has the class of that one. */
export function addressClass(address: string): AddressClass {
  if (isIPv4(address)) return classOf(address, "ipv4");
  // A zone names an interface of this machine: only link-local addresses need one.
  if (isIP(address) === 0 || address.includes("%")) return "never";
  const embedded = embeddedIpv4(address);
  return embedded === undefined ? classOf(address, "ipv6") : classOf(embedded, "ipv4");
}

function classOf(address: string, family: "ipv4" | "ipv6"): AddressClass {
  if (LOOPBACK.check(address, family)) return "loopback";
  if (PRIVATE.check(address, family)) return "private";
  if (family === "ipv4") return RESERVED_IPV4.check(address, family) ? "never" : "public";
  return GLOBAL_IPV6.check(address, family) && !RESERVED_IPV6.check(address, family) ? "public" : "never";
}

function embeddedIpv4(address: string): string | undefined {
  // The URL parser writes each IPv6 address in one form, with hexadecimal groups (RFC 5952).
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  if (!EMBEDDING.check(canonical, "ipv6")) return undefined;
  const groups = canonical.split(":").slice(-2);
  const [high, low] = groups.map((group) => Number.parseInt(group || "0", 16));
  const bits = [high ?? 0, low ?? 0];
  return bits.flatMap((group) => [group >> 8, group & 0xff]).join(".");
}

function listOf(subnets: readonly string[]): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = "", bits = ""] = subnet.split("/");
    list.addSubnet(network, Number(bits), isIPv4(network) ? "ipv4" : "ipv6");
  }
  return list;
}
