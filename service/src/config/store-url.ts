import { printable } from "../kernel/printable.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import { parsePostgresUrl } from "./postgres-url.ts";

/** Why a text names no store, as the end of a sentence that begins with the variable's name. Holds no password. */
export interface StoreUrlFault {
  readonly kind: "fault";
  readonly fault: string;
}

const FORMS = "must be sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE or memory:";

/** Reads a store URL, the only place that does. What is not one of the accepted forms is a fault, never a guess. */
export function parseStoreUrl(text: string): StoreLocation | StoreUrlFault {
  if (text === "memory:") return { kind: "memory" };
  const uri = /^postgres(?:ql)?:\/\/(.*)$/s.exec(text)?.[1];
  if (uri !== undefined) return parsePostgresUrl(uri);
  const path = /^sqlite:(.*)$/s.exec(text)?.[1];
  const why = path === undefined ? whyNoForm(text) : whyNoPath(path);
  if (path === undefined || why !== undefined)
    return { kind: "fault", fault: why === undefined ? FORMS : `${FORMS}; ${why}` };
  return { kind: "sqlite", path };
}

function whyNoForm(text: string): string | undefined {
  if (/^["']/.test(text)) return "it begins with a quotation mark: remove the quotation marks";
  if (/^memory/i.test(text)) return "for keys that end with the process, write memory: and nothing more";
  if (/^(?:sqlite3?|file):/i.test(text)) return "for a file, write sqlite: and its path";
  if (/^postgres/i.test(text)) return "write postgres:// in small letters, with two slashes";
  return undefined;
}

/** What a path of this service never holds: elsewhere each of these means something other than a character of the file's name. */
const NO_PATH: readonly (readonly [RegExp, (path: string) => string])[] = [
  [/^$/, () => "a path must follow sqlite:"],
  [/^:?memory:?$/i, () => "for keys without a file, write memory: and no sqlite: before it"],
  [/^file:/i, () => "remove file: and its options; the path follows sqlite: at once"],
  [
    /^\/\//,
    (path) =>
      /^\/\/[^/]/.test(path)
        ? "remove the two slashes after sqlite: for a path in the working directory, or write the whole path with one slash"
        : "the path begins with several slashes; write the whole path with one slash: sqlite:/DIR/FILE",
  ],
  [/\?/, () => "the path holds a question mark; sqlite: has no options, so end the value with the path"],
  [/#/, () => "the path holds #; remove it and what follows, or rename the file"],
  [/%[0-9a-f]{2}/i, () => "the path holds a percent-escape, and nothing is decoded; write the path as it is"],
  [
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u,
    (path) => `the path holds an invisible character (${invisible(path)})`,
  ],
  [/^\s|\s$/, () => "the path begins or ends with a blank; remove it"],
  [/(?:^|\/)\.{0,2}$/, () => "the path names a directory; add the name of a file"],
];

function whyNoPath(path: string): string | undefined {
  return NO_PATH.find(([pattern]) => pattern.test(path))?.[1](path);
}

function invisible(path: string): string {
  return printable(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.exec(path)?.[0] ?? "");
}
