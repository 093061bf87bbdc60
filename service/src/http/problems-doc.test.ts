import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseMintRequest } from "../tokens/mint-request.ts";
import { TOKEN_BYTES_MAX } from "../tokens/token-size.ts";
import { textOf } from "./mint-words.ts";
import { PROBLEMS, problemOf } from "./problem.ts";

const page = readFileSync(new URL("../../../docs/api/problems.md", import.meta.url), "utf8");

/** The rows of the page whose first cell is a code; each row as its cells. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );

test("docs/api/problems.md has one row for each reason, with its status and its text, and no row for anything else", () => {
  const documented = rows
    .filter((cells) => cells.length === 5)
    .map(([reason, status, text]) => [reason?.slice(1, -1), Number(status), text]);
  const known = Object.entries(PROBLEMS).map(([reason, { status, text }]) => [reason, status, text]);
  expect(documented.toSorted()).toEqual(known.toSorted());
});

test("each row says when the reason is given and how to fix it", () => {
  for (const [reason, , , when, fix] of rows.filter((cells) => cells.length === 5)) {
    expect(when, reason).toBeTruthy();
    expect(fix, reason).toBeTruthy();
  }
});

test("each text that names what is at fault is on the page, beside its reason", () => {
  const half = "\ud800";
  const bodies = [
    ...["can_start_sessions", "can_manage_mode_registry", "is_observer"].map((flag) => ({
      sender: "a",
      scopes: { [flag]: "yes" },
    })),
    { sender: "a", scopes: { allowed_modes: "all" } },
    { sender: "a", scopes: { max_open_sessions: -1 } },
    { sender: half },
    { sender: "a", scopes: { note: half } },
  ];
  const texts = [...bodies.map((body) => JSON.stringify(body)), '{"sender":"a","scopes":{"limit":1e400}}'];
  const given = texts.map((text) => {
    const parsed = parseMintRequest(JSON.parse(text), text, "ignored");
    return parsed.kind === "invalid" ? [parsed.invalid.reason, textOf(parsed.invalid)] : [];
  });
  const large = problemOf({
    reason: "token_too_large",
    bytes: TOKEN_BYTES_MAX + 1,
    bytesMax: TOKEN_BYTES_MAX,
  });
  given.push([large.reason, large.text.replace(String(TOKEN_BYTES_MAX + 1), "N")]);

  const documented = rows
    .filter((cells) => cells.length === 2)
    .map((cells) => cells.map((cell) => cell.slice(1, -1)));
  expect(documented.toSorted()).toEqual(given.toSorted());
});
