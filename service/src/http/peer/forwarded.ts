import { isIP } from "node:net";
import { canonicalAddress } from "./address.ts";

/** The hops of a request as proxies wrote them, the nearest to this service last; `undefined`: a hop that is not an address. */
export type Hops = readonly (string | undefined)[];

/** Those of `X-Forwarded-For`: addresses with commas between them, some with a port. */
export function hopsOfForwardedFor(value: string): Hops {
  return value.split(",").map((node) => addressOf(node.trim()));
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** One pair and what ends it. A quoted value is read character by character, so that no text takes more than one pass. */
const PAIR = new RegExp(`[ \\t]*(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")[ \\t]*(;|,|$)`, "y");

/** Those of `Forwarded` (RFC 7239 section 4). A value that does not have this form is one hop that is not an address. */
export function hopsOfForwarded(value: string): Hops {
  const hops: (string | undefined)[] = [];
  let nodes: string[] = [];
  for (const { name, text, endsHop } of pairsIn(value)) {
    if (name === "for") nodes.push(text);
    if (!endsHop) continue;
    if (nodes.length > 1) return UNREADABLE;
    hops.push(addressOf(nodes[0] ?? ""));
    nodes = [];
  }
  return hops.length === 0 ? UNREADABLE : hops;
}

const UNREADABLE: Hops = [undefined];

interface Pair {
  /** In lower case. */
  readonly name: string;
  readonly text: string;
  readonly endsHop: boolean;
}

/** The pairs of a value; none when one of them cannot be read. */
function pairsIn(value: string): readonly Pair[] {
  const pairs: Pair[] = [];
  const pattern = new RegExp(PAIR);
  while (pattern.lastIndex < value.length) {
    const [, name = "", token, quoted = "", end] = pattern.exec(value) ?? [];
    if (end === undefined) return [];
    const text = token ?? quoted.replace(/\\(.)/g, "$1");
    pairs.push({ name: name.toLowerCase(), text, endsHop: end !== ";" });
  }
  return pairs;
}

/** The address of a node: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`. */
function addressOf(node: string): string | undefined {
  if (isIP(node) !== 0) return canonicalAddress(node);
  const bare = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::[0-9]{1,5})?$/.exec(node);
  return canonicalAddress(bare?.[1] ?? bare?.[2] ?? "");
}
