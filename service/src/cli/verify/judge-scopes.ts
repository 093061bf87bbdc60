import { shown } from "../terminal/shown.ts";
import type { Verdict } from "./finding.ts";

/** One field of `macp_scopes`: what the token says, and what the runtime takes it for. */
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

interface Field {
  readonly name: string;
  /** What absent and null mean. */
  readonly whenAbsent: string;
  /** What a value means, or `undefined` when it is of a wrong type. */
  readonly read: (value: unknown) => { readonly verdict: Verdict; readonly meaning: string } | undefined;
  readonly wanted: string;
}

const FIELDS: readonly Field[] = [
  flag("can_start_sessions", { yes: "may start sessions", no: "may not start sessions" }, "yes"),
  flag(
    "can_manage_mode_registry",
    { yes: "may register modes and policies", no: "may not register modes or policies" },
    "no",
  ),
  flag(
    "is_observer",
    {
      yes: "may read the sessions of others; sending is not limited by it",
      no: "may not read the sessions of others",
    },
    "no",
  ),
  { name: "allowed_modes", whenAbsent: "all modes", read: readModes, wanted: "a list of texts" },
  {
    name: "max_open_sessions",
    whenAbsent: "any number of open sessions",
    read: readCount,
    wanted: "a whole number of 0 or more",
  },
];

const GIVEN_CHARACTERS_MAX = 48;
/** The runtime reads the number as an unsigned integer of 64 bits. */
const U64_END = 2 ** 64;

/** Reads the claim `macp_scopes` field by field. One field of a wrong type makes the runtime refuse the whole token. */
export function judgeScopes(scopes: unknown): ScopesReading {
  if (scopes === undefined || scopes === null) {
    const fields = FIELDS.map((field) => readField(field, {}));
    return {
      verdict: "note",
      text: `${scopes === null ? "null" : "absent"}: the runtime's defaults, which are grants`,
      fields,
      ignored: [],
    };
  }
  if (typeof scopes !== "object" || Array.isArray(scopes))
    return { verdict: "rejected", text: "macp_scopes is no object", fields: [], ignored: [] };
  const fields = FIELDS.map((field) => readField(field, scopes as Record<string, unknown>));
  const ignored = Object.keys(scopes).filter((name) => FIELDS.every((field) => field.name !== name));
  const wrong = fields.filter(({ verdict }) => verdict === "rejected").length;
  if (wrong > 0)
    return {
      verdict: "rejected",
      text: "a field of a wrong type makes the runtime refuse the whole token",
      fields,
      ignored: ignored.map((name) => shown(name, 40)),
    };
  const given = fields.filter(({ given: text }) => text !== "absent").length;
  return {
    verdict: "ok",
    text: `${String(given)} of ${String(FIELDS.length)} fields given`,
    fields,
    ignored: ignored.map((name) => shown(name, 40)),
  };
}

function readField(
  { name, whenAbsent, read, wanted }: Field,
  scopes: Readonly<Record<string, unknown>>,
): ScopeReading {
  if (!Object.hasOwn(scopes, name))
    return { field: name, given: "absent", verdict: "ok", meaning: `${whenAbsent} (default)` };
  const value = scopes[name];
  if (value === null)
    return { field: name, given: "null", verdict: "note", meaning: `${whenAbsent} (null is the default)` };
  const given = shown(JSON.stringify(value), GIVEN_CHARACTERS_MAX);
  return {
    field: name,
    given,
    ...(read(value) ?? {
      verdict: "rejected",
      meaning: `no ${wanted.replace(/^an? /, "")}: the runtime refuses the whole token`,
    }),
  };
}

function flag(
  name: string,
  means: { readonly yes: string; readonly no: string },
  whenAbsent: "yes" | "no",
): Field {
  return {
    name,
    whenAbsent: means[whenAbsent],
    read: (value) =>
      typeof value === "boolean" ? { verdict: "ok", meaning: value ? means.yes : means.no } : undefined,
    wanted: "a boolean",
  };
}

function readModes(value: unknown): ReturnType<Field["read"]> {
  if (!Array.isArray(value) || !value.every((mode) => typeof mode === "string")) return undefined;
  if (value.length === 0) return { verdict: "note", meaning: "no mode at all" };
  // The empty name is no mode: it stands for the signals that belong to no session.
  const modes = new Set(value.filter((mode) => mode !== ""));
  if (modes.size === 0) return { verdict: "note", meaning: "no mode at all, ambient signals alone" };
  const ambient = value.includes("");
  const count = modes.size === 1 ? "this mode alone" : `these ${String(modes.size)} modes alone`;
  const notes = [
    ...(modes.has("*") ? ['"*" is no wildcard'] : []),
    ...(ambient ? [] : ['without "" no ambient signals']),
  ];
  const meaning = [ambient ? `${count}, and ambient signals` : count, ...notes].join("; ");
  return { verdict: notes.length > 0 ? "note" : "ok", meaning };
}

function readCount(value: unknown): ReturnType<Field["read"]> {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= U64_END)
    return undefined;
  if (value === 0) return { verdict: "note", meaning: "may hold no session open" };
  return { verdict: "ok", meaning: `at most ${String(value)} open session${value === 1 ? "" : "s"}` };
}
