import {
  createLocalJWKSet,
  decodeProtectedHeader,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from "jose";
import { expect } from "vitest";
import { ask, postTokens } from "./raw-http.ts";

export interface MintResponse {
  readonly token: string;
  readonly sender: string;
  readonly expires_in_seconds: number;
  readonly token_id: string;
  readonly expires_at: number;
  readonly warnings?: readonly string[];
}

export interface CheckedToken {
  readonly response: MintResponse;
  readonly header: Readonly<Record<string, unknown>>;
  readonly payload: JWTPayload & { readonly iat: number; readonly exp: number };
  /** The payload as the verifier receives it, before any JSON parser has touched it. */
  readonly payloadText: string;
}

/** What the service publishes, as a verifier that trusts it would load it. */
export async function publishedKeys(port: number): Promise<JSONWebKeySet> {
  const answer = await ask(port, { path: "/.well-known/jwks.json" });
  expect(answer.status).toBe(200);
  return JSON.parse(answer.text) as JSONWebKeySet;
}

/** Mints with this body, insists on 200, and checks the token with jose against the published keys of `trusted`. */
export async function mintChecked(
  port: number,
  body: unknown,
  trusted: number = port,
): Promise<CheckedToken> {
  const answer = await postTokens(port, body);
  expect({ status: answer.status, refusal: answer.status === 200 ? "" : answer.text }).toEqual({
    status: 200,
    refusal: "",
  });
  const response = JSON.parse(answer.text) as MintResponse;
  const keys = createLocalJWKSet(await publishedKeys(trusted));
  // The leeway of the runtime: a token of one second must not fail on a slow machine.
  const { payload } = await jwtVerify(response.token, keys, {
    algorithms: ["RS256", "ES256"],
    clockTolerance: 60,
  });
  return {
    response,
    header: decodeProtectedHeader(response.token),
    payload: dated(payload),
    payloadText: payloadText(response.token),
  };
}

export function payloadText(token: string): string {
  return Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8");
}

/** Expects an error answer: this status, JSON, and a body that is only `{"error":"…"}`. Returns its sentence. */
export function refusalOf(
  answer: { status: number; headers: ReadonlyMap<string, string>; text: string } | undefined,
  status: number,
): string {
  expect({ status: answer?.status, text: answer?.text ?? "closed" }).toEqual({
    status,
    text: expect.stringMatching(/^\{"error":".+"\}$/s) as string,
  });
  expect(answer?.headers.get("content-type")).toMatch(/^application\/json(?:;|$)/);
  const body = JSON.parse(answer?.text ?? "") as Record<string, unknown>;
  expect(Object.keys(body)).toEqual(["error"]);
  return String(body["error"]);
}

function dated(payload: JWTPayload): CheckedToken["payload"] {
  const { iat, exp } = payload;
  if (iat === undefined || exp === undefined) throw new Error("the token carries no iat or no exp");
  return { ...payload, iat, exp };
}
