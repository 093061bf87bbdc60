const SPIFFE_ID =
  /^spiffe:\/\/([a-z0-9._-]{1,255})\/((?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]+)*)$/;

/** The trust domain of a SPIFFE id with a path that is not empty (SPIFFE-ID section 2); `undefined` for any other text. */
export function trustDomainOf(id: string): string | undefined {
  return SPIFFE_ID.exec(id)?.[1];
}

/** What a SPIFFE id says, by short claim names. */
export interface SpiffeClaims extends Readonly<Record<string, string>> {
  readonly trust_domain: string;
  readonly path: string;
}

export const SPIFFE_CLAIMS = ["trust_domain", "path", "namespace", "serviceaccount"] as const;

/** The parts of a SPIFFE id; `undefined` when it is none. A path `ns/NAME/sa/NAME`, as SPIRE and Istio write it for Kubernetes, has names. */
export function spiffeClaims(id: string): SpiffeClaims | undefined {
  const [, domain, path] = SPIFFE_ID.exec(id) ?? [];
  if (domain === undefined || path === undefined) return undefined;
  const [, namespace, serviceaccount] = /^ns\/([^/]+)\/sa\/([^/]+)$/.exec(path) ?? [];
  return {
    trust_domain: domain,
    path,
    ...(namespace === undefined || serviceaccount === undefined ? {} : { namespace, serviceaccount }),
  };
}
