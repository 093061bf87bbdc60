import type { CallerId } from "../../callers/caller.ts";
import { checkRegistry } from "../../callers/check-registry.ts";
import { readKeySet } from "../../callers/foreign/read-key-set.ts";
import type { CallerRegistry, IssuerEntry, IssuerKeyPlace } from "../../callers/registry.ts";
import type { AccessText } from "../../config/access/access-schema.ts";
import type { AccessFault, Place } from "../../config/access/read-yaml.ts";
import type { FileFault } from "../../files/file-fault.ts";
import { type CompiledPolicy, compilePolicy } from "../../policy/compile-policy.ts";
import type { Policy, PolicyRules } from "../../policy/policy.ts";
import { keySetText, policyFaultOf, registryFaultOf } from "../words/access-fault-words.ts";
import { callerOf } from "./expand-callers.ts";
import { policyOf } from "./expand-policy.ts";
import { type Files, filesOf, keyFileOf, textOf } from "./named-files.ts";

/** What a document is read with. */
export interface ExpandContext {
  /** Our own `iss`. */
  readonly ownIssuer: string;
  readonly policyRules: PolicyRules;
  /** Callers that the settings make; grants may name them. */
  readonly reserved: readonly CallerId[];
  /** Reads a file that the document names; a relative path starts at the document's folder. */
  readonly readFile: (path: string) => Promise<string | FileFault>;
}

export type Expanded =
  | {
      readonly kind: "expanded";
      readonly registry: CallerRegistry;
      /** With its groups expanded, as it was compiled. */
      readonly rules: Policy;
      readonly policy: CompiledPolicy;
    }
  | { readonly kind: "rejected"; readonly faults: readonly AccessFault[] };

type IssuerText = AccessText["issuers"][string];
type Faults = AccessFault[];

/** Makes of a document what it means: files are read, groups are expanded, and everything is checked. Every fault is found. */
export async function expandAccess(access: AccessText, context: ExpandContext): Promise<Expanded> {
  const faults: Faults = [];
  const files = await filesOf(access, context.readFile);
  const issuers = Object.entries(access.issuers).map(([name, text]) =>
    issuerOf(name, text, context, files, faults),
  );
  const proofPlaces = new Map<CallerId, Place[]>();
  const callers = Object.entries(access.callers).map(([name, text]) =>
    callerOf(name, text, files, proofPlaces, faults),
  );
  const registry = { issuers, callers };
  const { ownIssuer, reserved, policyRules } = context;
  // A caller of the settings is no fault in a grant, only among the callers.
  faults.push(
    ...checkRegistry(registry, { ownIssuer, reserved }).map((fault) => registryFaultOf(fault, proofPlaces)),
  );
  const known = new Set([...callers.map(({ id }) => id), ...reserved]);
  const rules = policyOf(access, known, faults);
  const compiled = compilePolicy(rules, policyRules);
  if (compiled.kind === "invalid") faults.push(...compiled.faults.map(policyFaultOf));
  return faults.length === 0 && compiled.kind === "compiled"
    ? { kind: "expanded", registry, rules, policy: compiled.policy }
    : { kind: "rejected", faults };
}

function issuerOf(
  name: string,
  text: IssuerText,
  { ownIssuer }: ExpandContext,
  files: Files,
  faults: Faults,
): IssuerEntry {
  const place = ["issuers", name];
  const reach = text.private_network ? "private" : "public";
  const caOf = (path: string | undefined, at: Place) =>
    path === undefined ? undefined : textOf(files, path, at, faults);
  const { token_review: review } = text;
  if (review !== undefined && text.preset !== "kubernetes")
    faults.push({ place: [...place, "token_review"], text: "is only for the preset kubernetes; remove it" });
  return {
    name,
    preset: text.preset,
    issuer: text.issuer,
    audience: text.audience ?? ownIssuer,
    allowsOtherAudiences: text.other_audiences,
    algorithms: text.algorithms,
    maxLifeSeconds: text.max_token_seconds,
    keys: keysOf(text.keys, [...place, "keys"]),
    isDisabled: text.disabled,
    tokenReview: review && {
      url: review.url,
      tokenFile: review.token_file,
      reach,
      caPem: caOf(review.ca_file, [...place, "token_review", "ca_file"]),
    },
  };

  function keysOf(keys: IssuerText["keys"], at: Place): IssuerKeyPlace {
    if (keys === "discovery") return { kind: "discovery", jwksHosts: [], reach, caPem: undefined };
    const file = keyFileOf(keys);
    if (file !== undefined) {
      const isBundle = "spiffe_bundle_file" in keys;
      const document = textOf(files, file, [...at, isBundle ? "spiffe_bundle_file" : "jwks_file"], faults);
      const read = readKeySet(document, isBundle ? "jwt-svid" : "sig");
      if (document !== "" && typeof read === "string") faults.push({ place: at, text: keySetText(read) });
      return { kind: "pinned", document };
    }
    const caPem = caOf("ca_file" in keys ? keys.ca_file : undefined, [...at, "ca_file"]);
    if ("jwks_url" in keys) return { kind: "jwks_url", url: keys.jwks_url, reach, caPem };
    if ("spiffe_bundle_url" in keys)
      return { kind: "spiffe_bundle_url", url: keys.spiffe_bundle_url, reach, caPem };
    return { kind: "discovery", jwksHosts: "jwks_hosts" in keys ? keys.jwks_hosts : [], reach, caPem };
  }
}
