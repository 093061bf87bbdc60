// The floor: what node:http and node:crypto alone can do for the same request and the same answer. No validation, no log, no
// routing beyond two comparisons, no error handling. It says on its first line of output which port it took. With BENCH_VERIFY_JWK,
// a public key (ES256), it also verifies the signature of the bearer token of each mint, and nothing else of it.
import { createPrivateKey, createPublicKey, randomBytes, sign, verify } from "node:crypto";
import { createServer } from "node:http";
import { publicSetOf } from "./keys.mjs";
import { AUDIENCE, ISSUER } from "./workload.mjs";

const privateJwk = process.env["MACP_AUTH_SIGNING_KEY_JSON"] ?? "";
const { alg, kid } = JSON.parse(privateJwk);
const key = {
  key: createPrivateKey({ key: JSON.parse(privateJwk), format: "jwk" }),
  dsaEncoding: /** @type {const} */ ("ieee-p1363"),
};
const callerJwk = process.env["BENCH_VERIFY_JWK"];
const callerKey =
  callerJwk === undefined
    ? undefined
    : {
        key: createPublicKey({ key: JSON.parse(callerJwk), format: "jwk" }),
        dsaEncoding: /** @type {const} */ ("ieee-p1363"),
      };
const header = Buffer.from(JSON.stringify({ alg, kid, typ: "JWT" })).toString("base64url");
const jwks = Buffer.from(publicSetOf(privateJwk));
const jwksHeaders = {
  "content-type": "application/json",
  "content-length": jwks.length,
  "cache-control": "public, max-age=60",
};

const server = createServer((incoming, outgoing) => {
  if (incoming.url !== "/tokens") {
    outgoing.writeHead(200, jwksHeaders);
    outgoing.end(jwks);
    return;
  }
  /** @type {Buffer[]} */
  const chunks = [];
  incoming.on("data", (chunk) => chunks.push(chunk));
  incoming.on("end", () => {
    const mintNow = () => mint(JSON.parse(Buffer.concat(chunks).toString("utf8")), outgoing);
    if (callerKey === undefined) mintNow();
    else verifyBearer(callerKey, incoming.headers.authorization ?? "", mintNow);
  });
});

/**
 * @param {import("node:crypto").VerifyKeyObjectInput} verifyKey
 * @param {string} authorization
 * @param {() => void} isRight
 */
function verifyBearer(verifyKey, authorization, isRight) {
  const token = authorization.slice("Bearer ".length);
  const end = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  verify("sha256", Buffer.from(token.slice(0, end)), verifyKey, signature, (fault, verified) => {
    if (fault || !verified) throw fault ?? new Error("the bearer token does not verify");
    isRight();
  });
}

/**
 * @param {{ sender: string, scopes: object, ttl_seconds: number }} request
 * @param {import("node:http").ServerResponse} outgoing
 */
function mint({ sender, scopes, ttl_seconds: ttlSeconds }, outgoing) {
  const iat = Math.floor(Date.now() / 1000);
  const exp = iat + ttlSeconds;
  const jti = randomBytes(16).toString("base64url");
  const claims = { macp_scopes: scopes, sub: sender, iss: ISSUER, aud: AUDIENCE, iat, exp, jti };
  const input = `${header}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}`;
  sign("sha256", Buffer.from(input), key, (fault, signature) => {
    if (fault) throw fault;
    const token = `${input}.${signature.toString("base64url")}`;
    const answer = JSON.stringify({
      token,
      sender,
      expires_in_seconds: ttlSeconds,
      expires_at: exp,
      token_id: jti,
    });
    outgoing.writeHead(200, {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(answer),
    });
    outgoing.end(answer);
  });
}

server.listen(Number(process.env["PORT"]), () => {
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  process.stdout.write(`${JSON.stringify({ event: "listening", port })}\n`);
});
process.once("SIGTERM", () => process.exit(0));
