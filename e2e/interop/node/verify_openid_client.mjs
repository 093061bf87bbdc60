// docs/interop.md shows from here
import * as client from "openid-client";
import { AUDIENCE, answerEachLine, CACHE_SECONDS, ISSUER, JWKS_URL } from "./verifier.mjs";

const server = {
  issuer: ISSUER,
  jwks_uri: JWKS_URL,
  token_endpoint: "http://token.invalid/",
  id_token_signing_alg_values_supported: ["RS256", "ES256"],
};
let kept;

async function verify(token) {
  const config = new client.Configuration(server, AUDIENCE);
  client.allowInsecureRequests(config); // the JWKS is on plain http
  client.enableNonRepudiationChecks(config); // check the signature too
  const tokenResponse = { access_token: "unused", token_type: "bearer", id_token: token };
  config[client.customFetch] = (url, options) =>
    url === server.token_endpoint ? Response.json(tokenResponse) : fetch(url, options);
  if (kept && Date.now() / 1_000 < kept.uat + CACHE_SECONDS) client.setJwksCache(config, kept);

  const response = await client.genericGrantRequest(config, "urn:example:token-at-hand", {});
  kept = client.getJwksCache(config);
  return response.claims();
}
// to here

await answerEachLine(verify);
