import { type CallerId, DEFAULT_CALLER, parseCallerId } from "../../../callers/caller.ts";
import type { CallerEntry, CertificateRule, WorkloadRule } from "../../../callers/declared/registry.ts";
import type { ForeignKey } from "../../../callers/foreign/foreign-key.ts";
import { readKeySet } from "../../../callers/foreign/read-key-set.ts";
import { parseSecretHash, type SecretHash } from "../../../callers/secrets/secret-hash.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault, Place } from "../../../config/access/read-yaml.ts";
import { epochSeconds } from "../../../kernel/clock.ts";
import { keySetText, skippedText } from "../../words/access-fault-words.ts";
import { type Files, textOf } from "../named-files.ts";
import { tokenRightsOf } from "./expand-rights.ts";

/** Where in the document the rules of a caller are, by their number. */
export interface ProofPlaces {
  readonly workloads: Place[];
  readonly certificates: Place[];
}

type CallerText = AccessText["callers"][string];
type Faults = AccessFault[];

const DAY_SECONDS = 86_400;

/** One caller. `proofPlaces` gets the place of each of its rules. */
export function callerOf(
  name: string,
  text: CallerText,
  groups: AccessText["groups"],
  files: Files,
  proofPlaces: Map<CallerId, ProofPlaces>,
  faults: Faults,
): CallerEntry {
  // The schema knows the same form.
  const id = parseCallerId(name) ?? DEFAULT_CALLER;
  const secrets: SecretHash[] = [];
  const workloads: WorkloadRule[] = [];
  const assertionKeys: ForeignKey[] = [];
  const certificates: CertificateRule[] = [];
  const places: ProofPlaces = { workloads: [], certificates: [] };
  proofPlaces.set(id, places);
  for (const [index, proof] of text.proofs.entries()) {
    const place = ["callers", name, "proofs", index];
    if ("secret" in proof) {
      const hash = parseSecretHash(proof.secret);
      if (hash === undefined)
        faults.push({
          place: [...place, "secret"],
          text: "must be the line that macp-auth secret generate prints for this file, which begins with hmac-sha256:",
        });
      else secrets.push(hash);
    } else if ("workload" in proof) {
      places.workloads.push([...place, "workload"]);
      workloads.push(proof.workload);
    } else if ("certificate" in proof) {
      places.certificates.push([...place, "certificate"]);
      certificates.push(certificateRuleOf(proof.certificate));
    } else {
      assertionKeys.push(
        ...keysOfAssertions(proof.private_key_jwt, [...place, "private_key_jwt"], files, faults),
      );
    }
  }
  return {
    id,
    owner: text.owner,
    isDisabled: text.disabled,
    notAfter: text.expires === undefined ? undefined : endOf(text.expires),
    role: text.role,
    rights: tokenRightsOf(name, text, groups, faults),
    secrets,
    workloads,
    assertionKeys,
    certificates,
  };
}

type CertificateText = Extract<
  CallerText["proofs"][number],
  { readonly certificate: unknown }
>["certificate"];

function certificateRuleOf(text: CertificateText): CertificateRule {
  const { ca } = text;
  if ("uri" in text) return { ca, of: "uri", name: text.uri };
  return "dns" in text ? { ca, of: "dns", name: text.dns } : { ca, of: "subject", name: text.subject };
}

/** A day counts to its end. */
function endOf(written: string) {
  const start = Date.parse(written) / 1_000;
  return epochSeconds(written.includes("T") ? start : start + DAY_SECONDS);
}

function keysOfAssertions(
  keys: { jwks_file: string } | { jwks: object },
  place: Place,
  files: Files,
  faults: Faults,
): readonly ForeignKey[] {
  const member = "jwks_file" in keys ? "jwks_file" : "jwks";
  const document =
    "jwks_file" in keys
      ? textOf(files, keys.jwks_file, [...place, member], faults)
      : JSON.stringify(keys.jwks);
  if (document === "") return [];
  const read = readKeySet(document, "sig");
  const text = typeof read === "string" ? keySetText(read) : skippedText(read.skipped);
  if (text !== undefined) faults.push({ place: [...place, member], text });
  return typeof read === "string" ? [] : read.keys;
}
