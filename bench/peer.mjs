// The peer: oidc-provider in its smallest production set-up that issues the same token. client_credentials grant, JWT access
// tokens through a resource indicator, its own memory adapter. It says on its first line of output which port it took.
import { createServer } from "node:http";
import { errors, Provider } from "oidc-provider";
import { AUDIENCE, MINT_BODY, PEER_CLIENT, PEER_RESOURCE, PEER_SCOPE } from "./workload.mjs";

const jwk = JSON.parse(process.env["MACP_AUTH_SIGNING_KEY_JSON"] ?? "");
const { scopes, ttl_seconds: ttlSeconds } = JSON.parse(MINT_BODY);

const server = createServer();
server.listen(Number(process.env["PORT"]), () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: PEER_CLIENT.id,
        client_secret: PEER_CLIENT.secret,
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: jwk.alg,
      },
    ],
    jwks: { keys: [jwk] },
    extraTokenClaims: () => ({ macp_scopes: scopes }),
    ttl: { ClientCredentials: ttlSeconds },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        /** @type {(context: unknown, resource: string) => object} */
        getResourceServerInfo(_context, resource) {
          if (resource !== PEER_RESOURCE) throw new errors.InvalidTarget();
          return {
            scope: PEER_SCOPE,
            audience: AUDIENCE,
            accessTokenFormat: "jwt",
            accessTokenTTL: ttlSeconds,
            jwt: { sign: { alg: jwk.alg } },
          };
        },
      },
    },
  });
  server.on("request", provider.callback());
  process.stdout.write(`${JSON.stringify({ event: "listening", port })}\n`);
});
process.once("SIGTERM", () => process.exit(0));
