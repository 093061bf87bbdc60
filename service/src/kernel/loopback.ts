/** 127.0.0.0/8 inside IPv6, as people write it and as a URL's host spells it. */
const MAPPED = /^::ffff:(?:127\.\d+\.\d+\.\d+|7f[0-9a-f]{2}:[0-9a-f]{1,4})$/;

/**
 * Whether the host of a URL or of a listener is this machine alone: an address of the loopback interface, or `localhost`
 * (RFC 6761 section 6.3). Not the names below `localhost`: some resolvers ask the network for them.
 */
export function isLoopback(host: string): boolean {
  const bare = host
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
  return bare === "localhost" || bare === "::1" || /^127\.\d+\.\d+\.\d+$/.test(bare) || MAPPED.test(bare);
}
