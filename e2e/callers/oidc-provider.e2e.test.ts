import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";
import { expect, test } from "vitest";
import { type AccessFolder, accessFolder, bearer, ISSUER, linesOf } from "../support/access.ts";
import { postTokens } from "../support/raw-http.ts";
import { withService } from "../support/service-process.ts";
import { privateJwk } from "../support/signing-keys.ts";

// An OpenID provider that others wrote issues the token, publishes its keys and is discovered.

const SECRET = "a-client-secret-of-the-provider";

interface RunningProvider {
  readonly issuer: string;
  /** An access token of a client for this audience. */
  token(client: string, audience: string): Promise<string>;
  close(): void;
}

async function startProvider(): Promise<RunningProvider> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const client = (id: string) => ({
    client_id: id,
    client_secret: SECRET,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: "ES256",
  });
  const provider = new Provider(issuer, {
    clients: [client("planner"), client("other")],
    jwks: { keys: [{ ...privateJwk("ES256"), kid: "provider-key", alg: "ES256", use: "sig" }] },
    extraTokenClaims: () => ({ team: "red" }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, audience: string) => ({
          scope: "mint",
          audience,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  server.on("request", provider.callback());
  return {
    issuer,
    async token(id, audience) {
      const answer = await fetch(`${issuer}/token`, {
        method: "POST",
        headers: { authorization: `Basic ${Buffer.from(`${id}:${SECRET}`).toString("base64")}` },
        body: new URLSearchParams({ grant_type: "client_credentials", resource: audience, scope: "mint" }),
      });
      return ((await answer.json()) as { access_token: string }).access_token;
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

test("an access token of oidc-provider, whose keys are discovered, proves the caller that its subject and its claims name", async () => {
  const provider = await startProvider();
  const folder: AccessFolder = await accessFolder({
    version: 1,
    issuers: { provider: { preset: "oidc", issuer: provider.issuer, private_network: true } },
    callers: {
      planner: {
        proofs: [
          {
            workload: {
              issuer: "provider",
              subject: "planner",
              claims: { team: "red", client_id: "planner" },
            },
          },
        ],
      },
    },
    grants: [{ name: "own", callers: ["planner"], senders: ["agent://{claims.team}/*"], scopes: {} }],
  });
  await withService(folder.env, async (service) => {
    const mint = async (token: string, sender = "agent://red/1") =>
      (await postTokens(service.port, { sender }, bearer(token))).status;
    const right = await provider.token("planner", ISSUER);
    expect([await mint(right), await mint(right), await mint(right, "agent://blue/1")]).toEqual([
      200, 200, 403,
    ]);
    expect(await mint(await provider.token("other", ISSUER))).toBe(401);
    expect(await mint(await provider.token("planner", "https://other.example"))).toBe(401);
    const reasons = (await linesOf(service, "caller_rejected", 2)).map(({ reason }) => reason);
    expect(reasons).toEqual(["subject_unmatched", "audience_mismatch"]);
    expect((await service.event("token_minted"))["caller"]).toBe("planner");
  });
  provider.close();
  await folder.remove();
});
