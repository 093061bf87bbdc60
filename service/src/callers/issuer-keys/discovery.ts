import { objectIn } from "../foreign/strict-json.ts";

/** Why a discovery document names no place of keys. */
export type DiscoveryFault = "discovery_malformed" | "issuer_mismatch" | "jwks_uri_forbidden";

/** The URL of an issuer's discovery document (OpenID Connect Discovery 1.0 section 4). */
export function discoveryUrlOf(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}

/**
 * The `jwks_uri` of a discovery document. The document must name the configured issuer byte for byte (section 4.3). The keys must
 * be on the issuer's own host, or by https on a host that its entry allows (`keys.example.com`, `keys.example.com:8443`).
 */
export function jwksUrlOf(
  text: string,
  issuer: string,
  hostsAllowed: readonly string[],
): { readonly url: string } | DiscoveryFault {
  const document = objectIn(text);
  if (document === undefined) return "discovery_malformed";
  if (document["issuer"] !== issuer) return "issuer_mismatch";
  const uri = document["jwks_uri"];
  if (typeof uri !== "string" || !URL.canParse(uri)) return "discovery_malformed";
  const url = new URL(uri);
  const isOwn = URL.canParse(issuer) && url.origin === new URL(issuer).origin;
  const isAllowed = isOwn || (url.protocol === "https:" && hostsAllowed.includes(url.host));
  return isAllowed ? { url: uri } : "jwks_uri_forbidden";
}
