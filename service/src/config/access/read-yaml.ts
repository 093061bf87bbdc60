import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import type { z } from "zod";
import { holdsLikelySecret } from "../../kernel/printable.ts";
import { shownValue } from "../shown-value.ts";

/** Where something stands in the document: names and numbers from its top. */
export type Place = readonly (string | number)[];

/** A fault of the document, or of what its parts say together. */
export interface AccessFault {
  readonly place: Place;
  /** What is wrong and what to do, as the end of a sentence that begins with the place. */
  readonly text: string;
}

/** A document of a schema that was read, or why it was not. */
export type YamlRead<T> =
  | {
      readonly kind: "read";
      readonly value: T;
      /** A fault that was found later, as a line with its place in the document. */
      readonly lineOf: (fault: AccessFault) => string;
    }
  /** A line for each fault: `FILE:LINE:COLUMN place: text`. */
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

/** No honest document has more faults than a person fixes at once. */
const FAULTS_MAX = 20;
/** A document that refers to itself again and again would grow beyond any memory. */
const ALIASES_MAX = 1_000;

/**
 * Reads a document (YAML 1.2, of which JSON is a part) by its schema. `file` is how the document is named in a fault, and `names` the page
 * that lists the names that may stand in it.
 */
export function readYaml<T>(file: string, text: string, schema: z.ZodType<T>, names: string): YamlRead<T> {
  const lines = new LineCounter();
  const document = parseDocument(text.replace(/^\uFEFF/, ""), {
    lineCounter: lines,
    version: "1.2",
    schema: "core",
    merge: false,
    strict: true,
    uniqueKeys: true,
    prettyErrors: false,
    // A warning would be written to standard error, with what stands in the document.
    logLevel: "error",
    // A tag could make a value something else than what is written.
    resolveKnownTags: false,
  });
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${String(line)}:${String(col)}`;
  };
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0)
    return rejected(broken.map(({ pos, ...fault }) => `${at(pos[0])} ${yamlText(fault)}`));

  const hidden = offsetOfProto(document);
  if (hidden !== undefined) return rejected([`${at(hidden)} "__proto__" is no name; choose another`]);

  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (thrown) {
    // Too many aliases, or one that refers to itself.
    if (!(thrown instanceof ReferenceError)) throw thrown;
    return rejected([`${file} refers to its own parts too often; write them out`]);
  }
  const root = document.contents;
  const lineOf = ({ place, text: fault }: AccessFault): string =>
    `${at(offsetOf(root, place))} ${placeText(place)}${fault}`;
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return { kind: "read", value: data, lineOf };
  const unknown = `is not a name that is known here; see ${names}`;
  return rejected(error.issues.flatMap((issue) => faultsOfIssue(issue, unknown)).map(lineOf));
}

/** The library's own messages of these codes quote what stands in the document, which may be a secret. */
const WITHOUT_QUOTES: Readonly<Record<string, string>> = {
  UNEXPECTED_TOKEN:
    "something stands here that YAML does not expect; check quotes, brackets and indentation, also above",
  TAG_RESOLVE_FAILED: "no tag is known here; put a text that begins with ! in quotes",
  BAD_DIRECTIVE: "no directive is known here; remove the line, or put a text that begins with % in quotes",
  BAD_DQ_ESCAPE:
    "a text in double quotes has an escape that YAML does not know; write \\\\ for a backslash, or use single quotes",
};

function yamlText({ code, message }: { readonly code: string; readonly message: string }): string {
  return WITHOUT_QUOTES[code] ?? oneLine(message);
}

/** JavaScript would not show what stands under this name, so nobody would see that it is there. */
function offsetOfProto(document: Document.Parsed): number | undefined {
  let offset: number | undefined;
  visit(document, {
    Pair(_, { key }) {
      if (isScalar(key) && key.value === "__proto__") offset ??= key.range?.[0] ?? 0;
    },
  });
  return offset;
}

function rejected(faults: readonly string[]): {
  readonly kind: "rejected";
  readonly faults: readonly string[];
} {
  const shown = faults.slice(0, FAULTS_MAX);
  const left = faults.length - shown.length;
  return {
    kind: "rejected",
    faults: left > 0 ? [...shown, `and ${String(left)} more faults of this document`] : shown,
  };
}

function faultsOfIssue(issue: z.core.$ZodIssue, unknown: string): AccessFault[] {
  const place = issue.path.map((part) => (typeof part === "symbol" ? String(part) : part));
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({
      place: [...place, key],
      text: unknown,
    }));
  // Of several forms, the one that fits best says what is wrong with it.
  if (issue.code === "invalid_union") {
    const nearest = nearestOf(issue.errors);
    if (nearest !== undefined)
      return nearest
        .flatMap((inner) => faultsOfIssue(inner, unknown))
        .map((fault) => ({ ...fault, place: [...place, ...fault.place] }));
  }
  if (issue.code === "invalid_key") {
    const [first] = issue.issues;
    return [{ place, text: first?.message ?? issue.message }];
  }
  return [{ place, text: textOf(issue) }];
}

/** The faults of the one form whose own members are there; `undefined` when none or several are. */
function nearestOf(forms: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const inside = forms.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 && code !== "unrecognized_keys"),
  );
  return inside.length === 1 ? inside[0] : undefined;
}

function textOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type")
    return issue.input === undefined ? "is missing" : `must be ${articleOf(issue.expected)}`;
  return oneLine(issue.message);
}

const ARTICLES: Readonly<Record<string, string>> = {
  object: "a mapping (name: value)",
  record: "a mapping (name: value)",
  array: "a list",
  string: "a text; put it in quotes",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
};

function articleOf(expected: string): string {
  return ARTICLES[expected] ?? expected;
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, " ").trim();
}

/** Such as `callers.ci.proofs[0] `; nothing for the document itself. */
function placeText(place: Place): string {
  const [first, ...others] = place;
  if (first === undefined) return "the document ";
  const shown = (part: string | number): string =>
    /^[\w@.-]{1,64}$/.test(String(part)) && !holdsLikelySecret(String(part))
      ? String(part)
      : shownValue(String(part));
  return `${others.reduce<string>((path, part) => (typeof part === "number" ? `${path}[${String(part)}]` : `${path}.${shown(part)}`), shown(first))} `;
}

/** Where the node of a place begins, or the nearest one above it that is there. */
function offsetOf(root: Node | null, place: Place): number {
  let node: Node | null = root;
  let offset = root?.range?.[0] ?? 0;
  for (const part of place) {
    const next: Inside = inside(node, part);
    if (next === undefined) return offset;
    ({ node, offset } = next);
  }
  return offset;
}

type Inside = { readonly node: Node | null; readonly offset: number } | undefined;

function inside(node: Node | null, part: string | number): Inside {
  if (isMap<Node, Node | null>(node)) {
    const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
    return pair && { node: pair.value, offset: startOf(pair.key) };
  }
  if (isSeq<Node>(node) && typeof part === "number") {
    const item = node.items[part];
    return item && { node: item, offset: startOf(item) };
  }
  return undefined;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}
