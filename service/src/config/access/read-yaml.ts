import { isMap, isScalar, isSeq, LineCounter, type Node } from "yaml";
import type { z } from "zod";
import { holdsLikelySecret } from "../../kernel/printable.ts";
import { shownValue } from "../shown-value.ts";
import type { FaultAt } from "./document-faults.ts";
import { nodesOf, parseYaml } from "./parse-yaml.ts";
import { schemaText } from "./schema-words.ts";

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

/**
 * Reads a document (YAML 1.2, of which JSON is a part) by its schema. `file` is how the document is named in a fault, and `names` the page
 * that lists the names that may stand in it.
 */
export function readYaml<T>(file: string, text: string, schema: z.ZodType<T>, names: string): YamlRead<T> {
  const unmarked = text.replace(/^\uFEFF/, "");
  const lines = linesOf(unmarked);
  const lineAt = ({ offset, text: fault }: FaultAt): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${String(line)}:${String(col)} ${fault}`;
  };
  const parsed = parseYaml(unmarked);
  if (parsed.kind === "broken") return rejected(parsed.faults.map(lineAt));
  let root: Node | null | undefined;
  const lineOf = ({ place, text: fault }: AccessFault): string => {
    root ??= nodesOf(unmarked);
    return lineAt({ offset: offsetOf(root, place), text: `${placeText(place)}${fault}` });
  };
  const { data, error } = schema.safeParse(parsed.value, { error: schemaText });
  if (error === undefined) return { kind: "read", value: data, lineOf };
  const unknown = `is not a name that is known here; see ${names}`;
  return rejected(error.issues.flatMap((issue) => faultsOfIssue(issue, unknown)).map(lineOf));
}

function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", end + 1)) lines.addNewLine(end + 1);
  return lines;
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
  return [{ place, text: issue.message }];
}

/** The faults of the one form whose own members are there; `undefined` when none or several are. */
function nearestOf(forms: readonly (readonly z.core.$ZodIssue[])[]): readonly z.core.$ZodIssue[] | undefined {
  const inside = forms.filter((issues) =>
    issues.every(({ path, code }) => path.length > 0 && code !== "unrecognized_keys"),
  );
  return inside.length === 1 ? inside[0] : undefined;
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
