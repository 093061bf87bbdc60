import { BlockList, isIP, isIPv4 } from "node:net";
import { z } from "zod";
import { beginsLikeASecret, shownValue } from "../shown-value.ts";

/** Reads addresses and networks (`10.0.0.0/8`, `2001:db8::/32`), with commas or blanks between them. */
export function trustedProxies(): z.ZodPipe<z.ZodString, z.ZodTransform<BlockList, string>> {
  return z.string().transform((text, context) => {
    const proxies = new BlockList();
    const [fault] = text
      .split(/[\s,]+/)
      .filter((one) => one !== "")
      .flatMap((one) => faultsOfAdding(proxies, one, text));
    if (fault === undefined) return proxies;
    context.addIssue(fault);
    return z.NEVER;
  });
}

/** Adds one address or network of the whole text; gives the fault of one that cannot be added. */
function faultsOfAdding(proxies: BlockList, text: string, whole: string): readonly string[] {
  const network = networkIn(text);
  if (network === undefined) {
    const shown = shownValue(beginsLikeASecret(whole) ? whole : text);
    return [`must be addresses or networks such as 10.0.0.0/8, and has ${shown}`];
  }
  if (network.bits === 0)
    return [`has ${text}, which is every address: each client could then write its own; name the proxies`];
  proxies.addSubnet(network.address, network.bits, network.family);
  return [];
}

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: "ipv4" | "ipv6";
}

/** An address is a network of one. A zone names an interface of this machine, and no network. */
function networkIn(text: string): Network | undefined {
  const [, address = "", written] = /^([^/%]*)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  const bitsMax = family === "ipv4" ? 32 : 128;
  const bits = written === undefined ? bitsMax : Number(written);
  return isIP(address) === 0 || bits > bitsMax ? undefined : { address, bits, family };
}
