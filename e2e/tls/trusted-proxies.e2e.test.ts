import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { linesOf } from "../support/access.ts";
import { ask, postTokens } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type Environment, withService } from "../support/service-process.ts";

const SECRET = randomBytes(32).toString("base64url");
const ENV = { MACP_AUTH_SHARED_SECRET: SECRET, MACP_AUTH_SIGNING_ALG: "ES256" };

/** Where the log says that each of these requests comes from. All of them come from 127.0.0.1. */
async function remotesOf(
  environment: Environment,
  requests: readonly Readonly<Record<string, string | readonly string[]>>[],
): Promise<readonly (readonly unknown[])[]> {
  return withService({ ...ENV, ...environment }, async (service) => {
    for (const headers of requests)
      expect((await postTokens(service.port, { sender: "a" }, headers)).status).toBe(401);
    const lines = await linesOf(service, "caller_rejected", requests.length);
    return lines.map(({ remote, proxy }) => [remote, proxy]);
  });
}

describe("where a request comes from", { timeout: BOOT_MS_MAX }, () => {
  const SPOOFS = [
    { "x-forwarded-for": "192.0.2.7" },
    { forwarded: "for=192.0.2.7" },
    { "x-real-ip": "192.0.2.7" },
    { "x-forwarded-client-cert": 'URI="spiffe://example.org/ns/a/sa/b"' },
    { "x-forwarded-for": ["192.0.2.7", "192.0.2.8"] },
  ] as const;

  test("is the peer of the connection, whatever the headers say, where no proxy is declared, and where another is", async () => {
    const own = SPOOFS.map(() => ["::ffff:127.0.0.1", undefined]);
    expect(await remotesOf({}, SPOOFS)).toEqual(own);
    const declared = { MACP_AUTH_TRUSTED_PROXIES: "10.0.0.0/8,127.0.0.2" };
    expect(await remotesOf(declared, SPOOFS)).toEqual(SPOOFS.map(() => ["127.0.0.1", undefined]));
  });

  test("is what a declared proxy says: what a client wrote stands left of that, and is not believed", async () => {
    const requests = [
      { "x-forwarded-for": "127.0.0.1, 192.0.2.7" },
      { "x-forwarded-for": ["127.0.0.1", "192.0.2.7, 10.0.0.9"] },
      { forwarded: 'for=127.0.0.1, for="[2001:db8::7]:4711"' },
      { forwarded: "for=203.0.113.1", "x-forwarded-for": "192.0.2.7" },
      { "x-real-ip": "192.0.2.7" },
    ];
    const declared = { MACP_AUTH_TRUSTED_PROXIES: "10.0.0.0/8 127.0.0.0/8" };
    expect(await remotesOf(declared, requests)).toEqual([
      ["192.0.2.7", "127.0.0.1"],
      ["192.0.2.7", "127.0.0.1"],
      ["2001:db8::7", "127.0.0.1"],
      ["127.0.0.1", "127.0.0.1"],
      ["127.0.0.1", "127.0.0.1"],
    ]);
  });

  test("is for the admin listener too what a declared proxy says", async () => {
    const environment = { ...ENV, MACP_AUTH_ADMIN_PORT: "0", MACP_AUTH_TRUSTED_PROXIES: "127.0.0.1" };
    await withService(environment, async (service) => {
      const port = Number((await service.event("admin_listening"))["port"]);
      const headers = { "x-forwarded-for": "127.0.0.1, 192.0.2.7" };
      expect((await ask(port, { path: "/readyz", headers })).status).toBe(403);
      expect(await service.event("admin_refused")).toMatchObject({ remote: "192.0.2.7", proxy: "127.0.0.1" });
    });
  });
});
