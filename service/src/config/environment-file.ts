/** What an environment file sets. */
export interface EnvironmentFile {
  readonly values: Readonly<Record<string, string>>;
  /**
   * Lines, counted from 1, that are neither blank, a comment nor `NAME=VALUE`, whose quote does not end on them, or that are not
   * text. Their content is not shown: it may be a secret.
   */
  readonly unreadLines: readonly number[];
}

const ASSIGNMENT = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*)$/;
/** NUL, and what a decoder writes for bytes that are not UTF-8. */
const NO_TEXT = /[\0\uFFFD]/;
const SINGLE_QUOTED = /^'([^']*)'\s*(?:#.*)?$/;
const BACK_QUOTED = /^`([^`]*)`\s*(?:#.*)?$/;
const DOUBLE_QUOTED = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t" };

/**
 * Reads `NAME=VALUE` lines as shells, Compose and systemd agree on them: comments, `export `, quotes, the last of two wins.
 * Backquotes quote too, as in the files of `node --env-file`. Nothing is expanded, and no value continues on the next line.
 *
 * Node's own `parseEnv` is not used: it skips what it cannot read, takes what follows an open quote as the value, and cuts `a#b`,
 * so that a password would silently lose its end.
 */
export function parseEnvironmentFile(text: string): EnvironmentFile {
  const values = new Map<string, string>();
  const unreadLines: number[] = [];
  text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .forEach((line, index) => {
      if (NO_TEXT.test(line)) {
        unreadLines.push(index + 1);
        return;
      }
      const trimmed = line.trim();
      if (trimmed === "" || trimmed.startsWith("#")) return;
      const [, name, written = ""] = ASSIGNMENT.exec(trimmed) ?? [];
      const value = readValue(written);
      if (name === undefined || value === undefined) unreadLines.push(index + 1);
      else values.set(name, value);
    });
  return { values: Object.fromEntries(values), unreadLines };
}

/** `undefined`: a quote does not end, or text follows it. */
function readValue(written: string): string | undefined {
  if (written.startsWith("'")) return SINGLE_QUOTED.exec(written)?.[1];
  if (written.startsWith("`")) return BACK_QUOTED.exec(written)?.[1];
  if (written.startsWith('"')) {
    return DOUBLE_QUOTED.exec(written)?.[1]?.replace(
      /\\(.)/g,
      (_escape, character: string) => ESCAPES[character] ?? character,
    );
  }
  return written.replace(/(?:^|\s)#.*$/, "").trimEnd();
}
