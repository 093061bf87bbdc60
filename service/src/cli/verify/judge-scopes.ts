import { type Rights, readField } from "../../scopes/meaning.ts";
import { SCOPE_FIELDS, type ScopeField, type Scopes } from "../../scopes/scopes.ts";
import { shown } from "../terminal/shown.ts";
import type { Verdict } from "./finding.ts";

/** One field of `macp_scopes`: what the token says, and what it means to the runtime. */
export interface ScopeReading {
  readonly field: string;
  /** As JSON, cut short; `absent` when the token does not have it. */
  readonly given: string;
  readonly verdict: Verdict;
  readonly meaning: string;
}

/** What the runtime makes of the scopes. */
export interface ScopesReading {
  /** Of the object as a whole. */
  readonly verdict: Verdict;
  readonly text: string;
  readonly fields: readonly ScopeReading[];
  /** Members that the runtime does not know, cut short. */
  readonly ignored: readonly string[];
}

const GIVEN_CHARACTERS_MAX = 48;
const IGNORED_CHARACTERS_MAX = 40;

/** Reads the claim `macp_scopes` field by field. One field of a wrong type makes the runtime reject the whole token. */
export function judgeScopes(scopes: unknown): ScopesReading {
  if (scopes === undefined || scopes === null)
    return {
      verdict: "note",
      text: `${scopes === null ? "null" : "absent"}: the runtime's defaults, which are grants`,
      fields: judgeFields({}),
      ignored: [],
    };
  if (typeof scopes !== "object" || Array.isArray(scopes))
    return { verdict: "rejected", text: "macp_scopes is not an object", fields: [], ignored: [] };
  const fields = judgeFields(scopes as Scopes);
  const ignored = Object.keys(scopes)
    .filter((name) => SCOPE_FIELDS.every((field) => field !== name))
    .map((name) => shown(name, IGNORED_CHARACTERS_MAX));
  if (fields.some(({ verdict }) => verdict === "rejected"))
    return {
      verdict: "rejected",
      text: "a field of a wrong type makes the runtime reject the whole token",
      fields,
      ignored,
    };
  const given = fields.filter(({ given: text }) => text !== "absent").length;
  const text = `${String(given)} of ${String(SCOPE_FIELDS.length)} fields given`;
  return { verdict: "ok", text, fields, ignored };
}

function judgeFields(scopes: Scopes): readonly ScopeReading[] {
  return SCOPE_FIELDS.map((field) => judgeField(scopes, field));
}

function judgeField(scopes: Scopes, field: ScopeField): ScopeReading {
  const reading = readField(scopes, field);
  const given =
    reading.kind === "absent" ? "absent" : shown(JSON.stringify(scopes[field]), GIVEN_CHARACTERS_MAX);
  if (reading.kind === "wrong_type") {
    const meaning = `not ${WANTED[field]}: the runtime rejects the whole token`;
    return { field, given, verdict: "rejected", meaning };
  }
  const { verdict, meaning } = meaningOf(field, reading.right);
  switch (reading.kind) {
    case "absent":
      return { field, given, verdict: "ok", meaning: `${meaning} (default)` };
    case "null":
      return { field, given, verdict: "note", meaning: `${meaning} (null is the default)` };
    case "value":
      return { field, given, verdict, meaning };
  }
}

const WANTED: Readonly<Record<ScopeField, string>> = {
  can_start_sessions: "a boolean",
  can_manage_mode_registry: "a boolean",
  is_observer: "a boolean",
  allowed_modes: "a list of strings",
  max_open_sessions: "a whole number of 0 or more",
};

const YES_AND_NO: Readonly<Record<string, readonly [string, string]>> = {
  can_start_sessions: ["may start sessions", "may not start sessions"],
  can_manage_mode_registry: ["may register modes and policies", "may not register modes or policies"],
  is_observer: [
    "may read the sessions of others; sending is not limited by it",
    "may not read the sessions of others",
  ],
};

type Meaning = Pick<ScopeReading, "verdict" | "meaning">;

/** What a field of the right type grants, in words. */
function meaningOf(field: ScopeField, right: Rights[ScopeField]): Meaning {
  if (typeof right === "boolean")
    return { verdict: "ok", meaning: YES_AND_NO[field]?.[right ? 0 : 1] ?? String(right) };
  if (typeof right === "number") return meaningOfCount(right);
  if (right !== undefined) return meaningOfModes(right);
  return { verdict: "ok", meaning: field === "allowed_modes" ? "all modes" : "any number of open sessions" };
}

function meaningOfModes(list: readonly string[]): Meaning {
  if (list.length === 0) return { verdict: "note", meaning: "no mode at all" };
  const modes = new Set(list.filter((mode) => mode !== ""));
  if (modes.size === 0) return { verdict: "note", meaning: "no mode at all, only ambient signals" };
  const ambient = list.includes("");
  const count = modes.size === 1 ? "only this mode" : `only these ${String(modes.size)} modes`;
  const notes = [
    ...(modes.has("*") ? ['"*" is not a wildcard'] : []),
    ...(ambient ? [] : ['without "" no ambient signals']),
  ];
  const meaning = [ambient ? `${count}, and ambient signals` : count, ...notes].join("; ");
  return { verdict: notes.length > 0 ? "note" : "ok", meaning };
}

function meaningOfCount(count: number): Meaning {
  if (count === 0) return { verdict: "note", meaning: "may hold no session open" };
  return { verdict: "ok", meaning: `at most ${String(count)} open session${count === 1 ? "" : "s"}` };
}
