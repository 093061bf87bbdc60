import { decodeProtectedHeader } from "jose";
import { type Environment, type RunningService, startService } from "../../support/service-process.ts";

/** A token as it was minted, with what the story must know of it. */
export interface Minted {
  readonly token: string;
  readonly kid: string;
  /** When it expires, in milliseconds since 1970. */
  readonly expMs: number;
}

/** An auth service that runs, and how a story talks to it. */
export interface Issuer {
  readonly service: RunningService;
  readonly url: string;
  readonly jwksUrl: string;
  /** Rejects when there is no token. */
  readonly mint: (body?: object) => Promise<Minted>;
  /** The kids that the JWKS holds now, in its order; `undefined` when it is not served. */
  readonly publishedKids: () => Promise<readonly string[] | undefined>;
  /** One request to the admin listener. */
  admin(path: string, body?: object): Promise<{ readonly status: number; readonly body: unknown }>;
}

export async function startIssuer(env: Environment = {}): Promise<Issuer> {
  const service = await startService({ HOST: "127.0.0.1", ...env });
  const url = `http://127.0.0.1:${String(service.port)}`;
  const adminPort =
    "MACP_AUTH_ADMIN_PORT" in env ? (await service.event("admin_listening"))["port"] : undefined;
  return {
    service,
    url,
    jwksUrl: `${url}/.well-known/jwks.json`,
    mint: (body = {}) => mintAt(url, body),
    publishedKids: () => publishedKids(url),
    async admin(path, body) {
      const post = body && {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      };
      const answer = await fetch(`http://127.0.0.1:${String(adminPort)}${path}`, post);
      return { status: answer.status, body: await answer.json() };
    },
  };
}

/** Mints at a service, or at a proxy before several. Rejects when there is no token. */
export async function mintAt(url: string, body: object): Promise<Minted> {
  const answer = await fetch(`${url}/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sender: "agent://story", ...body }),
  });
  if (answer.status !== 200) throw new Error(`no token: ${String(answer.status)} ${await answer.text()}`);
  const { token, expires_at } = (await answer.json()) as { token: string; expires_at: number };
  return { token, kid: String(decodeProtectedHeader(token).kid), expMs: expires_at * 1_000 };
}

/** The kids of a JWKS; `undefined` when it is not served. */
export async function publishedKids(url: string): Promise<readonly string[] | undefined> {
  const answer = await fetch(`${url}/.well-known/jwks.json`);
  if (answer.status !== 200) return undefined;
  return ((await answer.json()) as { keys: { kid: string }[] }).keys.map((key) => key.kid);
}
