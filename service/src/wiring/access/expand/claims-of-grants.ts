import { CERTIFICATE_CLAIMS } from "../../../callers/certificates/check-certificate.ts";
import { PRESET_RULES } from "../../../callers/foreign/presets.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault } from "../../../config/access/read-yaml.ts";
import { claimsIn, parsePattern } from "../../../kernel/patterns/pattern.ts";

/**
 * The claims that grants require, or put into senders, and that no token of a declared issuer and no certificate can have: a mistyped name would make
 * a grant that gives nothing.
 */
export function unknownClaimsOfGrants({
  issuers,
  callers,
  grants,
  groups,
}: AccessText): readonly AccessFault[] {
  const lists = Object.values(issuers).map(({ preset }) => PRESET_RULES[preset].claimNames);
  if (lists.includes("any")) return [];
  const areCertificates = Object.values(callers).some(({ proofs }) =>
    proofs.some((proof) => "certificate" in proof),
  );
  const known = new Set([
    ...lists.flatMap((names) => (names === "any" ? [] : names)),
    ...(areCertificates ? CERTIFICATE_CLAIMS : []),
  ]);
  const text = (claim: string): string =>
    `names the claim ${claim}, which no declared issuer gives; ${known.size === 0 ? "no issuer is declared" : `known are ${[...known].join(", ")}`}`;
  return grants.flatMap(({ claims, senders }, index) => {
    const required = Object.keys(claims).map((claim) => ({ claim, place: ["claims", claim] }));
    const named = senders.flatMap((sender, at) => {
      const members = sender.startsWith("@") ? (groups.agents[sender.slice(1)] ?? []) : [sender];
      return members.flatMap(claimsOf).map((claim) => ({ claim, place: ["senders", at] }));
    });
    return [...required, ...named]
      .filter(({ claim }) => !known.has(claim))
      .map(({ claim, place }) => ({ place: ["grants", index, ...place], text: text(claim) }));
  });
}

function claimsOf(source: string): readonly string[] {
  const parsed = parsePattern(source);
  return parsed.kind === "pattern" ? claimsIn(parsed.pattern) : [];
}
