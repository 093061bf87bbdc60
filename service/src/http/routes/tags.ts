interface Tag {
  readonly name: string;
  readonly description: string;
}

/** The groups of operations of the public listener, as its description has them. */
export const PUBLIC_TAGS: readonly Tag[] = [
  { name: "tokens", description: "Minting tokens." },
  { name: "keys", description: "The public keys." },
  { name: "status lists", description: "Which tokens were revoked, for verifiers that do not ask." },
  { name: "health", description: "For probes." },
];

/** The same of the admin listener. */
export const ADMIN_TAGS: readonly Tag[] = [
  { name: "keys", description: "The managed keys." },
  { name: "access", description: "Who may call, and what each may have minted." },
  { name: "health", description: "For probes and scrapers." },
];

/** The same of the listener of a guard. */
export const GUARD_TAGS: readonly Tag[] = [
  { name: "guard", description: "For the proxy in front of the runtime." },
  { name: "health", description: "For probes." },
  { name: "own process", description: "Only where `macp-auth guard serve` runs." },
];
