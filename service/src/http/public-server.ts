import type { HttpBindings } from "@hono/node-server";
import { Hono } from "hono";
import { codeOf, messageOf } from "../kernel/faults.ts";
import { httpServer, type Listener, type ListenerDeps, requestIdOf } from "./listener.ts";
import { problem } from "./problem.ts";
import { problemResponse } from "./respond.ts";
import { health } from "./routes/health.ts";
import { type JwksDeps, jwks } from "./routes/jwks.ts";
import { type MintRouteDeps, mintToken } from "./routes/mint-token.ts";

export type PublicDeps = MintRouteDeps & JwksDeps & ListenerDeps;

const METHODS: Readonly<Record<string, string>> = {
  "/tokens": "POST",
  "/healthz": "GET, HEAD",
  "/.well-known/jwks.json": "GET, HEAD",
};

/** The public listener: three routes, and a JSON error for everything else. Not yet listening. */
export function publicServer(deps: PublicDeps): Listener {
  const app = new Hono<{ Bindings: HttpBindings }>({
    getPath: (_request, options) => routePath(options?.env),
  });
  app.post("/tokens", (c) => mintToken(deps, c.env.incoming, requestIdOf(c.env.outgoing)));
  app.get("/healthz", () => health());
  app.get("/.well-known/jwks.json", (c) => jwks(deps, c.env.incoming));
  app.on("OPTIONS", Object.keys(METHODS), (c) => {
    return new Response(null, { status: 204, headers: { allow: METHODS[routePath(c.env)] ?? "" } });
  });
  app.notFound(() => problemResponse(problem("not_found")));
  app.onError((thrown, c) => crash(deps, thrown, c.env.outgoing));
  return httpServer(deps, app.fetch);
}

/** The path that routes are matched on: as the request line has it, without query, letter case and one trailing slash. */
function routePath(env: HttpBindings | undefined): string {
  const target = (env?.incoming.url ?? "/").replace(/^https?:\/\/[^/?#]*/i, "");
  const [path = "/"] = target.split(/[?#]/, 1);
  const plain = path.toLowerCase();
  return plain.length > 1 && plain.endsWith("/") ? plain.slice(0, -1) : plain;
}

/** A fault that nobody expected: its text goes to the log, never to the caller. */
export function crash(deps: ListenerDeps, thrown: Error, outgoing: HttpBindings["outgoing"]): Response {
  if (outgoing.destroyed) return problemResponse(problem("request_timeout"));
  deps.log.error({
    event: "request_failed",
    fault: messageOf(thrown),
    code: codeOf(thrown),
    request_id: requestIdOf(outgoing),
  });
  return problemResponse(problem("internal"));
}
