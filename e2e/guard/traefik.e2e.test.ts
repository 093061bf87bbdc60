import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { IDENTITY_HEADERS } from "../../service/src/guard/identity.ts";
import { changed, copyOfExample } from "../outside/example.ts";
import { bearer } from "../support/access.ts";
import { ask, type WireResponse } from "../support/raw-http.ts";
import { BOOT_MS_MAX } from "../support/service-process.ts";
import { type FollowedMint, followedMint } from "./sidecar.ts";

interface Dynamic {
  readonly http: {
    readonly middlewares: {
      readonly "macp-guard": { readonly forwardAuth: ForwardAuth };
      readonly "macp-headers": {
        readonly headers: { readonly customRequestHeaders: Readonly<Record<string, string>> };
      };
    };
    readonly routers: Readonly<
      Record<string, { readonly rule: string; readonly middlewares: string[]; readonly service: string }>
    >;
    readonly services: Readonly<Record<string, unknown>>;
  };
}
interface ForwardAuth {
  readonly address: string;
  readonly trustForwardHeader: boolean;
  readonly authRequestHeaders: readonly string[];
  readonly authResponseHeaders: readonly string[];
}

// deploy/examples/guard-traefik. No Traefik runs here: what is asked is what Traefik's forwardAuth asks, by its source code.
describe("the configuration for Traefik", () => {
  let http: Dynamic["http"];
  let settings: string;
  let mint: FollowedMint;
  let guardPort: number;

  beforeAll(async () => {
    const example = await copyOfExample("guard-traefik");
    ({ http } = parse(await example.text("dynamic.yaml")) as Dynamic);
    settings = await readFile(join(example.folder, "macp-auth.env"), "utf8");
    await example.remove();
    mint = await followedMint({ MACP_AUTH_GUARD_PORT: "0" });
    await mint.start();
    guardPort = Number((await mint.service().event("guard_listening"))["port"]);
  }, BOOT_MS_MAX);
  afterAll(() => mint.remove(), BOOT_MS_MAX);

  test("asks the guard of its settings, and no path of it is without the guard", () => {
    const { forwardAuth } = http.middlewares["macp-guard"];
    const port = /^MACP_AUTH_GUARD_PORT=(\d+)$/m.exec(settings)?.[1];
    expect(forwardAuth.address).toBe(`http://127.0.0.1:${String(port)}/check`);
    expect(forwardAuth.trustForwardHeader).toBe(false);
    for (const { middlewares, service } of Object.values(http.routers)) {
      // The guard first: what it says is in the request when headers are removed.
      expect(middlewares).toEqual(["macp-guard", "macp-headers"]);
      expect(Object.keys(http.services)).toContain(service);
    }
    expect(Object.values(http.routers).map(({ rule }) => rule)).toEqual([
      "PathPrefix(`/macp.v1.MACPRuntimeService/`)",
      "PathPrefix(`/macp/v1/`)",
    ]);
  });

  test("passes on what the guard says, but for the scopes, and no other credential", () => {
    const { forwardAuth } = http.middlewares["macp-guard"];
    const removed = Object.keys(http.middlewares["macp-headers"].headers.customRequestHeaders);
    expect(IDENTITY_HEADERS).toEqual(expect.arrayContaining([...forwardAuth.authResponseHeaders]));
    const names = removed.map((name) => name.toLowerCase());
    expect(names).toEqual(expect.arrayContaining(["x-macp-token", "x-macp-agent-id", "x-auth-scopes"]));
    expect(Object.values(http.middlewares["macp-headers"].headers.customRequestHeaders)).toEqual(
      removed.map(() => ""),
    );
    expect(forwardAuth.authResponseHeaders.filter((name) => names.includes(name))).toEqual([]);
  });

  /** Asks as forwardAuth does: GET, the listed headers of the request, and what it says of the request by itself. */
  function forwarded(headers: Readonly<Record<string, string>>, uri: string): Promise<WireResponse> {
    const { address, authRequestHeaders } = http.middlewares["macp-guard"].forwardAuth;
    const { pathname, search } = new URL(changed(address, [["3203", String(guardPort)]]));
    const listed = authRequestHeaders.map((name) => name.toLowerCase());
    const passed = Object.entries(headers).filter(([name]) => listed.includes(name.toLowerCase()));
    return ask(guardPort, {
      path: `${pathname}${search}`,
      headers: {
        ...Object.fromEntries(passed),
        "x-forwarded-for": "192.0.2.7",
        "x-forwarded-method": "POST",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "macp.example.org",
        "x-forwarded-uri": uri,
      },
    });
  }

  test("is answered as it relies on: who may pass with the identity, the others with what a client of the runtime reads", async () => {
    const token = await mint.mint("agent://planner é");
    const uris = [
      "/macp/v1/ListSessions",
      "/macp.v1.MACPRuntimeService/ListSessions",
      "/macp/v1/x?is_observer=true&odd=1",
    ];
    const status = async (uri: string) => (await forwarded(bearer(token), uri)).status;
    for (const uri of uris) await expect.poll(() => status(uri), { timeout: 30_000 }).toBe(200);
    const answer = await forwarded(bearer(token), uris[0] ?? "");
    expect(answer.headers.get("x-auth-subject")).toBe("agent://planner%20%C3%A9");
    for (const name of http.middlewares["macp-guard"].forwardAuth.authResponseHeaders)
      expect([name, answer.headers.get(name)]).toEqual([name, expect.stringMatching(/./)]);

    await mint.revoke({ token });
    await expect.poll(() => status(uris[0] ?? ""), { timeout: 30_000 }).toBe(401);
    for (const rejected of [
      await forwarded(bearer(token), uris[0] ?? ""),
      await forwarded({}, uris[0] ?? ""),
    ]) {
      expect([rejected.status, rejected.text, rejected.headers.get("macp-error-code")]).toEqual([
        401,
        "",
        "UNAUTHENTICATED",
      ]);
      // Traefik passes the answer on as it is: nothing in it may be kept, or lead elsewhere.
      expect([rejected.headers.get("cache-control"), rejected.headers.get("location")]).toEqual([
        "no-store",
        undefined,
      ]);
    }
  });

  test("and nobody may pass by what a client says of the request, for only Authorization is passed on", async () => {
    const lies = {
      "x-auth-subject": "root",
      "x-forwarded-uri": "/healthz",
      "x-original-url": "/healthz",
      "x-macp-token": "t",
    };
    expect((await forwarded(lies, "/macp/v1/ListSessions")).status).toBe(401);
  });
});
