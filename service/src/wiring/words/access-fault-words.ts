import type { CallerId } from "../../callers/caller.ts";
import type { CertificateFault } from "../../callers/certificates/check-certificate-rules.ts";
import type { RegistryFault } from "../../callers/declared/check-registry.ts";
import type { SkipReason } from "../../callers/foreign/read-foreign-key.ts";
import type { KeySetFault } from "../../callers/foreign/read-key-set.ts";
import type { AccessFault, Place } from "../../config/access/read-yaml.ts";
import { shownValue } from "../../config/shown-value.ts";
import type { PolicyFault, RuleFaultKind } from "../../policy/policy-faults.ts";
import { certificateFaultOf } from "./certificate-fault-words.ts";
import { patternText } from "./pattern-words.ts";

// What is wrong with an access document, for the person who wrote it: the end of a line that begins with the place.

/** The places of a caller's rules, by their number. */
export type RulePlaces = ReadonlyMap<
  CallerId,
  { readonly workloads: readonly Place[]; readonly certificates: readonly Place[] }
>;

/** A fault of the callers and issuers, at its place in the document. */
export function registryFaultOf(fault: RegistryFault, places: RulePlaces): AccessFault {
  if (isOfCertificates(fault)) return certificateFaultOf(fault, places);
  return { place: placeOfRegistryFault(fault, places), text: registryText(fault, places) };
}

function isOfCertificates(fault: RegistryFault): fault is CertificateFault {
  return "certificate" in fault || "clientCa" in fault;
}

/** A fault of anything but certificates. */
type OtherFault = Exclude<RegistryFault, CertificateFault>;

function placeOfRegistryFault(fault: OtherFault, places: RulePlaces): Place {
  if ("rule" in fault) {
    const place = places.get(fault.caller)?.workloads[fault.rule] ?? ["callers", fault.caller];
    switch (fault.reason) {
      case "issuer_undeclared":
        return [...place, "issuer"];
      case "claim_unknown":
      case "claim_without_values":
        return [...place, "claims", fault.claim];
      default:
        return place;
    }
  }
  if ("caller" in fault) return ["callers", fault.caller];
  return ["issuers", fault.issuer];
}

/** The faults whose text depends on nothing else. */
const REGISTRY_TEXTS = {
  caller_twice: "is declared twice; give each caller a name of its own",
  caller_reserved: "is a name that the service itself uses for a caller; choose another name",
  issuer_is_own: "is the issuer of this service, whose tokens prove no caller; remove the entry",
  issuer_like_caller:
    "has an issuer that could be the name of a caller; write it as its tokens do, such as https://…",
  spiffe_issuer_invalid: "must have a trust domain as its issuer, such as spiffe://example.org",
  audience_missing: "has an empty audience; name the one that its tokens must have",
  algorithms_missing: "accepts no algorithm; name at least one",
  issuer_undeclared: "names an issuer that is not declared; add it to issuers, or correct the name",
  claim_without_values: "accepts no value; name at least one",
} as const;

function registryText(fault: OtherFault, places: RulePlaces): string {
  switch (fault.reason) {
    case "secret_twice":
      return `has a secret that ${fault.other} has too; generate one for each`;
    case "issuer_twice":
      return `has the name or the issuer of ${fault.other}; a token must lead to one entry`;
    case "pattern_invalid":
      return `has ${shownValue(fault.source)}, which is not a valid pattern: ${patternText(fault.fault)}`;
    case "claim_unknown":
      return `is not a claim of this preset; its claims are ${fault.known.join(", ")}`;
    case "id_claim_missing":
      return `matches only names, which may belong to somebody else later; also require one of ${fault.known.join(", ")}`;
    case "rules_overlap": {
      const other = places.get(fault.other.caller)?.workloads[fault.other.rule];
      return `may match a token that also proves ${fault.other.caller}${other === undefined ? "" : ` (proof ${String(Number(other[3]) + 1)})`}; make the subjects or the claims exclude each other`;
    }
    default:
      return REGISTRY_TEXTS[fault.reason];
  }
}

const FIELDS: Readonly<Record<string, string>> = {
  maxTtlSeconds: "max_ttl_seconds",
  unknownScopes: "unknown_scopes",
};

/** A fault of the policy, at its place in the document. */
export function policyFaultOf(fault: PolicyFault): AccessFault {
  if (fault.rule === "caller")
    return {
      place: fault.caller === undefined ? ["denies"] : ["callers", fault.caller],
      text: `has ${String(fault.count)} ${fault.fault.replace("too_many_", "")}, and a decision tries at most ${String(fault.max)}; use groups and wider patterns`,
    };
  const place: (string | number)[] = [
    fault.rule === "grant" ? "grants" : "denies",
    fault.index,
    ...fault.field.split(".").map((field) => FIELDS[field] ?? field),
    ...(fault.item === undefined ? [] : [fault.item]),
  ];
  return { place, text: ruleText(fault.fault) };
}

function ruleText(fault: RuleFaultKind): string {
  switch (fault) {
    case "name_invalid":
      return "must be 1 to 64 letters, digits, dots, underscores and hyphens";
    case "name_repeated":
      return "is the name of another rule; give each a name of its own";
    case "list_empty":
      return "is empty, so the rule would do nothing; name something or remove the rule";
    case "list_too_long":
      return "has too many items; use patterns";
    case "ttl_invalid":
      return "must be a whole number of seconds, 1 or more";
    case "sessions_invalid":
      return "must be a whole number, 0 or more";
    case "mode_invalid":
      return "must be a mode of at most 512 visible characters";
    default:
      return `is not a valid pattern: ${patternText(fault)}`;
  }
}

/** Why a document gives no keys. */
export function keySetText(fault: KeySetFault): string {
  switch (fault) {
    case "not_a_key_set":
      return "is not a JWK Set (RFC 7517 section 5), or has a member twice; put a JWK Set there";
    case "too_many_keys":
      return "has more than 100 keys; remove those that are no longer used";
    case "kid_repeated":
      return "has two keys with the same kid; give each its own";
    case "sequence_invalid":
      return "has a spiffe_sequence that is not a whole number; write the bundle as SPIRE does";
  }
}

/** What is wrong with keys that a caller's own set should not hold; `undefined` when all are used. */
export function skippedText(skipped: readonly SkipReason[]): string | undefined {
  const [first] = skipped;
  return first === undefined
    ? undefined
    : `has ${String(skipped.length)} keys that cannot be used (${[...new Set(skipped)].join(", ").replaceAll("_", " ")}); remove or replace them`;
}
