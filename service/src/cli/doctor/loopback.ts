/** 127.0.0.0/8 inside IPv6, as people write it and as a URL's host spells it. */
const MAPPED = /^::ffff:(?:127\.\d+\.\d+\.\d+|7f[0-9a-f]{2}:[0-9a-f]{1,4})$/;

/** Whether the host of a URL or of a listener is this machine alone: an address or a name of the loopback interface (RFC 6761 section 6.3). */
export function isLoopback(host: string): boolean {
  const bare = host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  if (bare === "localhost" || bare.endsWith(".localhost") || bare === "::1") return true;
  return /^127\.\d+\.\d+\.\d+$/.test(bare) || MAPPED.test(bare);
}
