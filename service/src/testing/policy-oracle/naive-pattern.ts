import { isSeenWhole } from "../../kernel/printable.ts";

/** Whether a pattern matches a text, by a regular expression: the same as kernel/patterns in the plainest way. */
export function naiveMatch(pattern: string, text: string, claims: ReadonlyMap<string, string>): boolean {
  const parts = pattern.split(/(\{claims\.[^}]+\}|\*+)/).map((part) => {
    if (part === "**") return "[^]*";
    if (part === "*") return "[^/]*";
    const name = /^\{claims\.(.+)\}$/.exec(part)?.[1];
    const literal = name === undefined ? part : claims.get(name);
    if (literal === undefined || (name !== undefined && /^$|[/*{}\p{Cc}]/u.test(literal))) return "(?!)";
    return literal.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`).test(text);
}

/** As above, for a sender: a wildcard stands only for what a person sees. */
export function naiveSender(pattern: string, text: string, claims: ReadonlyMap<string, string>): boolean {
  return pattern === text || (isSeenWhole(text) && naiveMatch(pattern, text, claims));
}
