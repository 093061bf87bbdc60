import { Impossible } from "../kernel/assert.ts";
import { type Answer, empty } from "./answer.ts";
import type { Exchange, OpenRoute } from "./route.ts";

/** Answers one request. */
export type Handle = (exchange: Exchange) => Answer | Promise<Answer>;

/** A route whose dependencies and guard are bound. */
export interface BoundRoute {
  /** `ANY`: every method that there is, HEAD and OPTIONS among them. */
  readonly method: "GET" | "POST" | "ANY";
  /** Lower case, without a trailing slash; `{name}` stands for one segment. */
  readonly path: string;
  readonly handle: Handle;
}

/** Binds operations to what they need. */
export function bound<Deps>(deps: Deps, routes: readonly OpenRoute<Deps>[]): readonly BoundRoute[] {
  return routes.map(({ method, path, handle }) => ({
    method,
    path,
    handle: (exchange) => handle(deps, exchange),
  }));
}

export interface Found {
  readonly handle: Handle;
  readonly params: Exchange["params"];
}

/** Finds what answers a method and a request target; `undefined` when nothing does. */
export type Router = (method: string, target: string) => Found | undefined;

type Methods = ReadonlyMap<string, Handle>;
const NO_PARAMS: Exchange["params"] = Object.freeze({});

/**
 * Paths are matched without regard to letter case and one trailing slash, and otherwise byte for byte: an encoded letter is another
 * path, so that a rule of a proxy for a path holds (docs/adr/0010-dependencies.md says why no library does this). A path without
 * parameters goes first.
 */
export function routerOf(routes: readonly BoundRoute[]): Router {
  const paths = methodsByPath(routes);
  const plain = new Map<string, ReadonlyMap<string, Found>>();
  const patterns: { readonly segments: readonly string[]; readonly methods: Methods }[] = [];
  for (const [path, methods] of paths) {
    if (path.includes("{")) patterns.push({ segments: path.split("/"), methods });
    else
      plain.set(path, new Map([...methods].map(([name, handle]) => [name, { handle, params: NO_PARAMS }])));
  }
  return (method, target) => {
    const asSent = plain.get(target);
    if (asSent !== undefined) return withMethod(asSent, method);
    const path = pathOf(target);
    const known = plain.get(path.toLowerCase());
    if (known !== undefined || patterns.length === 0) return known && withMethod(known, method);
    const sent = path.split("/");
    for (const { segments, methods } of patterns) {
      const params = paramsOf(segments, sent);
      const handle = methods.get(method);
      if (handle !== undefined && params !== undefined) return { handle, params };
    }
    return undefined;
  };
}

function withMethod(methods: ReadonlyMap<string, Found>, method: string): Found | undefined {
  return methods.get(method) ?? methods.get("ANY");
}

/** Each path's methods; HEAD is answered as GET is, and OPTIONS with the list. */
function methodsByPath(routes: readonly BoundRoute[]): ReadonlyMap<string, Methods> {
  const paths = new Map<string, Map<string, Handle>>();
  for (const { method, path, handle } of routes) {
    const methods = paths.get(path) ?? new Map<string, Handle>();
    if (methods.has(method)) throw new Impossible(`two routes for ${method} ${path}`);
    methods.set(method, handle);
    if (method === "GET") methods.set("HEAD", handle);
    paths.set(path, methods);
  }
  for (const methods of paths.values()) {
    if (methods.has("ANY")) continue;
    const allow = ["GET", "HEAD", "POST"].filter((name) => methods.has(name)).join(", ");
    methods.set("OPTIONS", () => empty(204, ["allow", allow]));
  }
  return paths;
}

/** The path of a request target (RFC 9112 section 3.2), without one trailing slash. */
function pathOf(target: string): string {
  const [path = ""] = target.replace(/^https?:\/\/[^/?#]*/i, "").split(/[?#]/, 1);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** What a path has in the places of a pattern's names; `undefined` when it does not match. */
function paramsOf(pattern: readonly string[], sent: readonly string[]): Record<string, string> | undefined {
  if (pattern.length !== sent.length) return undefined;
  const params: Record<string, string> = {};
  for (const [place, segment] of pattern.entries()) {
    const text = sent[place] ?? "";
    const name = /^\{(\w+)\}$/.exec(segment)?.[1];
    if (name === undefined) {
      if (segment !== text.toLowerCase()) return undefined;
      continue;
    }
    const value = decoded(text);
    if (value === undefined || value === "") return undefined;
    params[name] = value;
  }
  return params;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
