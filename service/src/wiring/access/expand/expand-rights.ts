import type { TokenRights } from "../../../callers/caller.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault } from "../../../config/access/read-yaml.ts";
import { claimsIn } from "../../../kernel/patterns/pattern.ts";
import { textSetOf } from "../../../kernel/patterns/text-set.ts";
import { patternText } from "../../words/pattern-words.ts";
import { NO_GROUP, sendersOf } from "./expand-policy.ts";

type Faults = AccessFault[];

/** What a caller may do with tokens that exist. `undefined`: nothing is declared, which most callers share. */
export function tokenRightsOf(
  name: string,
  { introspects, revokes, guards }: Pick<AccessText["callers"][string], "introspects" | "revokes" | "guards">,
  groups: AccessText["groups"],
  faults: Faults,
): TokenRights | undefined {
  if (introspects.length === 0 && revokes.length === 0 && !guards) return undefined;
  const place = ["callers", name, "revokes"];
  // Read one by one, so that a fault names the line that a person wrote, which may be a group of many.
  const senders = revokes.flatMap((written, index) => {
    const found = sendersOf([written], [...place], groups, []);
    const unknown = written.startsWith("@") && found.length === 0;
    const fault = faultIn(found);
    if (unknown) faults.push({ place: [...place, index], text: NO_GROUP });
    if (fault !== undefined)
      faults.push({ place: [...place, index], text: `is not a valid pattern: ${patternText(fault)}` });
    return found;
  });
  return { introspects, revokes: textSetOf(senders).set, guards };
}

/** The fault of the first that is no pattern, or binds to a claim: a token that exists says nothing of its caller's proof. */
function faultIn(senders: readonly string[]): string | undefined {
  const { set, faults } = textSetOf(senders);
  const hasTemplate = set.patterns.some((pattern) => claimsIn(pattern).length > 0);
  return faults[0]?.fault ?? (hasTemplate ? "template_not_allowed" : undefined);
}
