import { createPrivateKey, type JsonWebKey, sign } from "node:crypto";
import { AUDIENCE, ISSUER } from "./runtime-process.ts";

/** A token's parts, each replaced as a whole where it is given. */
export interface Parts {
  readonly header?: object;
  /** As JSON text, to say what JSON.stringify cannot. */
  readonly payload?: string;
}

const LIFE_SECONDS = 300;

/** Claims that a runtime accepts, with others over them; `undefined` takes one out. */
export function claims(others: object = {}): string {
  const exp = Math.floor(Date.now() / 1_000) + LIFE_SECONDS;
  return JSON.stringify({ iss: ISSUER, aud: AUDIENCE, sub: "agent://forged", exp, ...others });
}

/** Claims with these scopes, as JSON text. */
export function claimsWithScopes(scopes: string): string {
  return claims().replace(/\}$/, `,"macp_scopes":${scopes}}`);
}

/** Signs with RS256 what the service would never sign; only for tests of the runtime. */
export function forge(key: JsonWebKey, { header = {}, payload = claims() }: Parts = {}): string {
  const input = `${segment(JSON.stringify({ alg: "RS256", ...header }))}.${segment(payload)}`;
  return `${input}.${sign("sha256", Buffer.from(input), createPrivateKey({ key, format: "jwk" })).toString("base64url")}`;
}

/** A token that says it needs no signature, and has none. */
export function unsigned(): string {
  return `${segment(JSON.stringify({ alg: "none" }))}.${segment(claims())}.`;
}

function segment(text: string): string {
  return Buffer.from(text).toString("base64url");
}
