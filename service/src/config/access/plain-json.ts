import { hasRepeatedMember } from "../../callers/foreign/repeated-member.ts";
import { invisibleInLines } from "../../kernel/printable.ts";

/**
 * What a JSON text means, if that is what it means as YAML 1.2 too: no name stands twice or is one that JavaScript hides, and every
 * character can be seen. `undefined`: read it as YAML, which says where and why. A document that a program wrote is often large, and
 * YAML takes ten times the memory.
 */
export function plainJson(text: string): unknown {
  if (!text.trimStart().startsWith("{") || invisibleInLines(text) !== undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return hasRepeatedMember(text) || holdsHiddenName(value) ? undefined : value;
  } catch {
    // No JSON, or a text in it that is too long for a regular expression.
    return undefined;
  }
}

function holdsHiddenName(value: unknown): boolean {
  const open: unknown[] = [value];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (typeof one !== "object" || one === null) continue;
    if (Object.hasOwn(one, "__proto__")) return true;
    for (const inner of Object.values(one)) if (typeof inner === "object" && inner !== null) open.push(inner);
  }
  return false;
}
