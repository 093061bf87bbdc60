/** Strings and structure; what stands between them, numbers and words, does not matter here. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],]/g;

/**
 * Whether an object in a JSON text has two members of one name. Parsers differ in which one they use (RFC 8259 section 4), so a text
 * with such members is read by nobody. The text must be valid JSON.
 */
export function hasRepeatedMember(json: string): boolean {
  // The names of each open object; an array has none.
  const open: (Set<string> | undefined)[] = [];
  let before = "";
  for (const [token] of json.matchAll(TOKENS)) {
    if (token === "{") open.push(new Set());
    else if (token === "[") open.push(undefined);
    else if (token === "}" || token === "]") open.pop();
    else if (before !== "" && repeats(open.at(-1), token)) return true;
    before = token === "{" || token === "," ? token : "";
  }
  return false;
}

/** Notes the name of a member; whether it was noted before. */
function repeats(names: Set<string> | undefined, token: string): boolean {
  if (names === undefined || token === ",") return false;
  const name = JSON.parse(token) as string;
  if (names.has(name)) return true;
  names.add(name);
  return false;
}
