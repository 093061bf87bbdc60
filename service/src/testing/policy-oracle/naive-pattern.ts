import { isSeenWhole } from "../../kernel/printable.ts";

/** Whether a pattern matches a text, by a regular expression: the same as kernel/patterns in the plainest way. `star`: what `*` alone in its segment is. */
export function naiveMatch(
  pattern: string,
  text: string,
  claims: ReadonlyMap<string, string>,
  star = "[^/]+",
): boolean {
  const alone = pattern.replaceAll(/(?<=^|\/)\*(?=\/|$)/g, "\0");
  const parts = alone.split(/(\{claims\.[^}]+\}|\*+|\0)/).map((part) => {
    if (part === "**") return "[^]*";
    if (part === "\0") return star;
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
