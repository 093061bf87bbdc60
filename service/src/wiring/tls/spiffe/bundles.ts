import type { X509SvidMessage } from "../../../outbound/workload-api/messages.ts";
import type { TrustBundles } from "../../access/expand/expand-client-cas.ts";
import { certificatesIn } from "./svid-texts.ts";

const TRUST_DOMAIN = /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/|$)/;

/**
 * The authorities of each trust domain of a message, those of our own and the federated ones. A bundle that cannot be read, or has a
 * certificate that is not of an authority, is left out: nobody is proved by it.
 */
export function bundlesIn({ svids, federatedBundles }: X509SvidMessage): TrustBundles {
  const own = svids.map(({ spiffeId, bundle }) => [spiffeId, bundle] as const);
  return new Map(
    [...Object.entries(federatedBundles), ...own].flatMap(([id, octets]) => {
      const [, trustDomain] = TRUST_DOMAIN.exec(id) ?? [];
      const authorities = certificatesIn(octets);
      const isUsable =
        authorities?.every(({ isAuthority }) => isAuthority) === true && authorities.length > 0;
      return trustDomain === undefined || !isUsable
        ? []
        : [[trustDomain, authorities.map(({ x509 }) => x509.toString()).join("")] as const];
    }),
  );
}
