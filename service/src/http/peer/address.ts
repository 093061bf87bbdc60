import { isIP, isIPv4 } from "node:net";

/**
 * An address in its one form: IPv4 dotted, also where IPv6 maps it (RFC 4291 section 2.5.5.2), IPv6 as RFC 5952 writes it, without
 * a zone. `undefined`: not an address.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  if (isIP(text) === 0) return undefined;
  const [bare = ""] = text.split("%", 1);
  // The URL parser writes each IPv6 address in one form, with hexadecimal groups.
  const canonical = new URL(`http://[${bare}]/`).hostname.slice(1, -1);
  return canonical.startsWith(MAPPED) ? dotted(canonical.slice(MAPPED.length)) : canonical;
}

const MAPPED = "::ffff:";

/** The IPv4 address of the two last groups of an address below `::ffff:0:0/96`. */
function dotted(groups: string): string {
  const [high = 0, low = 0] = groups.split(":").map((group) => Number.parseInt(group, 16));
  return [high, low].flatMap((group) => [group >> 8, group & 0xff]).join(".");
}
