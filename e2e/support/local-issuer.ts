import { once } from "node:events";
import type { IncomingHttpHeaders } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { JWK } from "jose";
import { type ForeignSigner, foreignSigner, foreignToken } from "../../service/src/testing/callers.ts";
import { type Authority, makeAuthority } from "../../service/src/testing/certificates.ts";

/** An OIDC issuer on loopback, by https under an authority of its own: its discovery document and its keys. */
export interface LocalIssuer {
  readonly issuer: string;
  /** The authority that signed its certificate. */
  readonly caFile: string;
  readonly signer: ForeignSigner;
  /** How often each path was asked for. */
  readonly asked: Readonly<Record<string, number>>;
  /** The headers of every request, in their order. */
  readonly heard: readonly IncomingHttpHeaders[];
  /** Publishes these keys from now on. */
  publish(signers: readonly ForeignSigner[]): void;
  /** A token of this issuer; `members` replace its claims, and `undefined` removes one. */
  token(
    claims: Readonly<Record<string, unknown>>,
    signer?: ForeignSigner,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  /** No connection is accepted until it comes up again. */
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
  close(): Promise<void>;
}

/** `maxAgeSeconds`: for how long its keys may be cached. */
export async function localIssuer(maxAgeSeconds?: number): Promise<LocalIssuer> {
  const authority: Authority = await makeAuthority();
  const { certificate, key } = await authority.issue("issuer", "IP:127.0.0.1");
  const signer = await foreignSigner("issuer-key-1");
  const asked: Record<string, number> = {};
  const heard: IncomingHttpHeaders[] = [];
  let published: readonly JWK[] = [signer.publicJwk];
  let port = 0;
  let server: Server;

  const issuer = () => `https://127.0.0.1:${String(port)}`;
  const documents: Readonly<Record<string, () => object>> = {
    "/.well-known/openid-configuration": () => ({ issuer: issuer(), jwks_uri: `${issuer()}/keys` }),
    "/keys": () => ({ keys: published }),
  };
  const comeUp = async (): Promise<void> => {
    server = createServer({ cert: certificate, key }, ({ url = "", headers }, answer) => {
      heard.push(headers);
      asked[url] = (asked[url] ?? 0) + 1;
      const document = documents[url];
      answer.statusCode = document === undefined ? 404 : 200;
      answer.setHeader("content-type", "application/json");
      if (maxAgeSeconds !== undefined) answer.setHeader("cache-control", `max-age=${String(maxAgeSeconds)}`);
      answer.end(JSON.stringify(document?.() ?? {}));
    });
    await once(server.listen(port, "127.0.0.1"), "listening");
    port = (server.address() as AddressInfo).port;
  };
  const goDown = async (): Promise<void> => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  await comeUp();
  return {
    issuer: issuer(),
    caFile: authority.path,
    signer,
    asked,
    heard,
    publish(signers) {
      published = signers.map(({ publicJwk }) => publicJwk);
    },
    token: (claims, by = signer, header = {}) => foreignToken(by, { iss: issuer(), ...claims }, header),
    goDown,
    comeUp,
    async close() {
      await goDown();
      await authority.remove();
    },
  };
}

/** The claims of a projected service account token, which lives ten minutes from now. */
export function projectedClaims(
  namespace: string,
  serviceAccount: string,
  audience: string,
): Readonly<Record<string, unknown>> {
  const now = Math.floor(Date.now() / 1_000);
  return {
    sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
    aud: [audience],
    iat: now,
    nbf: now,
    exp: now + 600,
    jti: "0c7e0f0e-5a1e-4f0c-9e39-8e1e7f9f2a44",
    "kubernetes.io": {
      namespace,
      node: { name: "node-1", uid: "6e7d8c9b-1a2b-4c3d-8e4f-5a6b7c8d9e33" },
      pod: { name: `${serviceAccount}-0`, uid: "d2c1b0a9-0e6f-4c47-8a61-9d3b8c7e5f22" },
      serviceaccount: { name: serviceAccount, uid: "2f0a4b6e-6a5c-4b7e-9f53-3f0f7a8c1d11" },
    },
  };
}
