import type { Random } from "../kernel/random.ts";
import type { Secret } from "../kernel/secret.ts";
import type { CallerId, ProofKind } from "./caller.ts";
import { type CertificateRules, compileCertificateRules } from "./certificates/certificate-rules.ts";
import { type ClientCa, openClientCa } from "./certificates/client-ca.ts";
import type { CallerEntry, CallerRegistry, IssuerEntry } from "./declared/registry.ts";
import { decoyKey } from "./foreign/decoy-key.ts";
import type { ForeignClaims } from "./foreign/foreign-claims.ts";
import type { ForeignAlgorithm, ForeignKey } from "./foreign/foreign-key.ts";
import { trustDomainOf } from "./foreign/spiffe-id.ts";
import { decoyHash, hashSecret, type SecretHash } from "./secrets/secret-hash.ts";
import {
  REMEMBERED_BYTES_MAX,
  type RememberedCertificate,
  RememberedProofs,
} from "./workloads/remembered-proofs.ts";
import { type CompiledRule, compileRules, indexRules, type RuleIndex } from "./workloads/workload-rules.ts";

/** A secret that is a setting of its own: any text, and the caller that it proves. */
export interface SettingSecret {
  readonly caller: CallerEntry;
  readonly secret: Secret;
  readonly proof: Extract<ProofKind, "shared_secret" | "admin_token">;
}

/** A caller, and the hash of one of its secrets. */
export interface HashedSecret {
  readonly caller: CallerEntry;
  readonly hash: SecretHash;
  readonly proof: ProofKind;
}

/** One snapshot of who may call: what is declared, and how it is found. `authenticate` reads it; a reload makes a new one. */
export interface CallerDirectory {
  readonly callers: ReadonlyMap<CallerId, CallerEntry>;
  readonly settingSecrets: readonly HashedSecret[];
  readonly secrets: ReadonlyMap<string, HashedSecret>;
  /** What an unknown secret is compared with. */
  readonly decoy: SecretHash;
  /** Who a program of this machine is; `undefined`: it must prove itself like any other. */
  readonly thisMachine: CallerEntry | undefined;
  readonly issuers: ReadonlyMap<string, IssuerEntry>;
  readonly spiffeIssuers: ReadonlyMap<string, IssuerEntry>;
  /** By `IssuerEntry.name`. */
  readonly rules: ReadonlyMap<string, readonly CompiledRule[]>;
  readonly ruleIndexes: ReadonlyMap<string, RuleIndex>;
  readonly remembered: RememberedProofs;
  /** For each algorithm that some token here may have: what one that nobody's key verifies is verified with. */
  readonly decoyKeys: ReadonlyMap<ForeignAlgorithm, ForeignKey>;
  readonly clientCas: readonly ClientCa[];
  readonly certificateRules: CertificateRules;
  readonly rememberedCertificates: RememberedProofs<RememberedCertificate>;
  /** Whether a caller is declared that may follow what is revoked. */
  readonly hasGuards: boolean;
}

const SPIFFE = "spiffe://";

/** The directory of a registry in which `checkRegistry` found nothing, and of what the settings add to it. */
export function openDirectory(
  { issuers, callers, clientCas }: CallerRegistry,
  random: Random,
  added: { readonly secrets?: readonly SettingSecret[]; readonly thisMachine?: CallerEntry } = {},
): CallerDirectory {
  const settingSecrets = (added.secrets ?? []).map(({ caller, secret, proof }) => ({
    caller,
    proof,
    hash: hashSecret(random, secret),
  }));
  const all = [...callers, ...settingSecrets.map(({ caller }) => caller)];
  if (added.thisMachine !== undefined) all.push(added.thisMachine);
  const rules = rulesByIssuer(callers);
  return {
    callers: new Map(all.map((caller) => [caller.id, caller])),
    settingSecrets,
    secrets: new Map(callers.flatMap(secretsOf)),
    decoy: decoyHash(random),
    thisMachine: added.thisMachine,
    issuers: new Map(
      issuers.filter(({ preset }) => preset !== "spiffe").map((entry) => [entry.issuer, entry]),
    ),
    spiffeIssuers: new Map(
      issuers
        .filter(({ preset }) => preset === "spiffe")
        .map((entry) => [entry.issuer.slice(SPIFFE.length), entry]),
    ),
    rules,
    ruleIndexes: new Map([...rules].map(([name, own]) => [name, indexRules(own)])),
    remembered: new RememberedProofs(REMEMBERED_BYTES_MAX.tokens),
    decoyKeys: decoyKeysFor(issuers, callers),
    clientCas: clientCas.map(openClientCa),
    certificateRules: compileCertificateRules(callers),
    rememberedCertificates: new RememberedProofs(REMEMBERED_BYTES_MAX.certificates),
    hasGuards: all.some(({ rights }) => rights?.guards === true),
  };
}

/** Only for algorithms that are in use: a stranger must not choose a costly one that nobody needs. */
function decoyKeysFor(
  issuers: readonly IssuerEntry[],
  callers: readonly CallerEntry[],
): ReadonlyMap<ForeignAlgorithm, ForeignKey> {
  const keys = [...issuers, ...callers.flatMap(({ assertionKeys }) => assertionKeys)];
  const inUse = new Set(keys.flatMap(({ algorithms }) => algorithms));
  return new Map([...inUse].map((algorithm) => [algorithm, decoyKey(algorithm)]));
}

function rulesByIssuer(callers: readonly CallerEntry[]): ReadonlyMap<string, readonly CompiledRule[]> {
  const byIssuer = new Map<string, CompiledRule[]>();
  for (const compiled of callers.flatMap(compileRules)) {
    const { issuer } = compiled.rule;
    const rules = byIssuer.get(issuer);
    if (rules === undefined) byIssuer.set(issuer, [compiled]);
    else rules.push(compiled);
  }
  return byIssuer;
}

function secretsOf(caller: CallerEntry): [string, HashedSecret][] {
  return caller.secrets.map((hash) => [hash.id, { caller, hash, proof: "shared_secret" }]);
}

/**
 * The declared issuer of a token: by `iss`, byte for byte. A JWT-SVID needs no `iss` (JWT-SVID section 3): it belongs to the trust domain
 * of its subject, whose keys alone can verify it.
 */
export function issuerOf(directory: CallerDirectory, { iss, sub }: ForeignClaims): IssuerEntry | undefined {
  const named = iss === undefined ? undefined : directory.issuers.get(iss);
  return named ?? directory.spiffeIssuers.get(trustDomainOf(sub) ?? "");
}
