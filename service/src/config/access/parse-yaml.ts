import { Composer, type CST, type Document, Lexer, type Node, Parser } from "yaml";
import { type FaultAt, faultsIn, unreadableIn } from "./document-faults.ts";
import { plainJson } from "./plain-json.ts";
import { syntaxText } from "./yaml-words.ts";

/** What a document without a fault of its syntax means, or its faults. */
export type YamlParsed =
  | { readonly kind: "parsed"; readonly value: unknown }
  | { readonly kind: "broken"; readonly faults: readonly FaultAt[] };

/** No document here needs more than ten. */
const DEPTH_MAX = 50;
/** A document that refers to itself again and again would grow beyond any memory. */
const ALIASES_MAX = 1_000;
/** Values in a document, those that are referred to counted each time: ten times those of 100,000 callers. */
const VALUES_MAX = 5_000_000;

/** Parses a document (YAML 1.2, of which JSON is a part). */
export function parseYaml(text: string): YamlParsed {
  const unreadable = unreadableIn(text);
  if (unreadable !== undefined) return broken(unreadable);
  const json = plainJson(text);
  if (json !== undefined && !isTooLarge(json)) return { kind: "parsed", value: json };
  const documents = documentsOf(text);
  if (!Array.isArray(documents)) return broken(documents);
  const [document, another] = documents;
  if (document === undefined) return broken({ offset: 0, text: syntaxText("IMPOSSIBLE") });
  const faults = [...document.errors, ...document.warnings].map(({ pos, code }) => ({
    offset: pos[0],
    text: syntaxText(code),
  }));
  if (another !== undefined) faults.push({ offset: another.range[0], text: syntaxText("MULTIPLE_DOCS") });
  if (faults.length > 0) return broken(...faults);
  const inside = faultsIn(document, text);
  if (inside.length > 0) return broken(...inside);
  const value = meaningOf(document);
  return value === undefined ? broken({ offset: 0, text: TOO_LARGE }) : { kind: "parsed", value };
}

/**
 * The nodes of a document that was parsed, for the places of faults. They take twenty times the size of the document, so they are not
 * kept while it is checked: who looks for a fault parses it again.
 */
export function nodesOf(text: string): Node | null {
  const documents = documentsOf(text);
  return Array.isArray(documents) ? (documents[0]?.contents ?? null) : null;
}

function broken(...faults: readonly FaultAt[]): YamlParsed {
  return { kind: "broken", faults };
}

/** The documents of a text. A function of its own, so that nothing holds the tokens afterwards: they take as much memory as a document. */
function documentsOf(text: string): Document.Parsed[] | FaultAt {
  const tokens = tokensOf(text);
  if (!Array.isArray(tokens)) return tokens;
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    strict: true,
    // Looked for in quadratic time, and not by what JavaScript makes of a name.
    uniqueKeys: false,
    prettyErrors: false,
    // A warning would be written to standard error, with what stands in the document.
    logLevel: "error",
    // A tag could make a value something else than what is written.
    resolveKnownTags: false,
  });
  return [...composer.compose(tokens, true, text.length)];
}

/**
 * The tokens of a text that is not nested too deeply. What comes after is recursive: on a stack that is used up, V8 ends the whole
 * process when it compiles a regular expression, also in a thread.
 */
function tokensOf(text: string): CST.Token[] | FaultAt {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > DEPTH_MAX)
      return { offset: parser.offset - 1, text: syntaxText("RESOURCE_EXHAUSTION") };
  }
  tokens.push(...parser.end());
  return tokens;
}

const TOO_LARGE = "the document refers to its own parts too often; write them out";

/** What the document means; `undefined`: more than it may. A document that means nothing is `null`. */
function meaningOf(document: Document.Parsed): unknown {
  try {
    const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX });
    return isTooLarge(value) ? undefined : value;
  } catch (thrown) {
    // Too many aliases, or one that refers to itself.
    if (thrown instanceof ReferenceError) return undefined;
    throw thrown;
  }
}

/** Whether a value has more parts than a document may, or is deeper: what is referred to counts wherever it stands. */
function isTooLarge(value: unknown): boolean {
  const open: [value: unknown, depth: number][] = [[value, 0]];
  let count = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [one, depth] = next;
    if (typeof one !== "object" || one === null) continue;
    for (const inner of Object.values(one)) {
      count += 1;
      if (typeof inner === "object" && inner !== null) open.push([inner, depth + 1]);
    }
    if (count > VALUES_MAX || depth > DEPTH_MAX) return true;
  }
  return false;
}
