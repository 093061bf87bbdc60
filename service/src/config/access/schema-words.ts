import type { z } from "zod";

/** What is wrong with a value for a schema that says nothing of its own: the end of a sentence that begins with the place. */
export function schemaText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return typeText(issue);
    case "invalid_value":
      return `must be ${listed(issue.values.map(String))}`;
    case "too_small":
      return issue.origin === "array" ? "must not be empty" : `must be at least ${String(issue.minimum)}`;
    case "too_big":
      return `${TOO_BIG[issue.origin] ?? "must be at most"} ${String(issue.maximum)}${UNITS[issue.origin] ?? ""}`;
    case "invalid_union":
      return "has none of the forms that are known here";
    default:
      return "is not valid here";
  }
}

function typeText({ input, expected }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidType>): string {
  return input === undefined ? "is missing" : `must be ${EXPECTED[expected] ?? expected}`;
}

const EXPECTED: Readonly<Record<string, string>> = {
  object: "a mapping (name: value)",
  record: "a mapping (name: value)",
  array: "a list",
  string: "a text; put it in quotes",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
};

const TOO_BIG: Readonly<Record<string, string>> = { array: "must have at most", string: "must have at most" };
const UNITS: Readonly<Record<string, string>> = { array: " items", string: " characters" };

/** Such as `a`, `a or b`, `a, b or c`. */
function listed(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} or ${last}`;
}
