import { credentialIn } from "../callers/presented.ts";
import type { AuthReason } from "../callers/rejection.ts";
import type { NotLive, OwnToken, Verified } from "../tokens/verify.ts";
import { grants, type RequiredScopes } from "./required-scopes.ts";

/** What it takes to decide whether a request may pass. */
export interface CheckDeps {
  /** Whether a text is a live token of this service, as it is known now (`rememberedVerify`). */
  readonly verify: (text: string) => Promise<Verified>;
  /** The audiences that are accepted behind this guard. */
  readonly audience: readonly string[];
}

/** A request that a proxy asks about. Nothing else of it is looked at: no path, no method, no address. */
export interface CheckAsked {
  /** The value of each `Authorization` header, as received. */
  readonly authorization: readonly string[];
  readonly required: RequiredScopes;
}

/** Whether a request may pass. A stranger learns the kind only. */
export type Checked =
  | { readonly kind: "allowed"; readonly token: OwnToken }
  | {
      readonly kind: "unauthenticated";
      readonly reason: "no_token" | "token_rejected";
      /** For the log and the figures. */
      readonly why: NotLive | AuthReason;
    }
  | { readonly kind: "forbidden"; readonly reason: "scope" | "audience"; readonly token: OwnToken }
  /** It cannot be known now: rejected, never guessed. */
  | { readonly kind: "unavailable"; readonly reason: "revocations_stale" | "no_keys" };

/** The one decision behind every door of the guard (RFC 6750 section 2.1, RFC 9110 section 11.6.2). */
export async function check(
  { verify, audience }: CheckDeps,
  { authorization, required }: CheckAsked,
): Promise<Checked> {
  const credential = credentialIn(authorization);
  if (credential.kind === "rejected") {
    const { reason: why } = credential;
    const reason = why === "credential_missing" ? "no_token" : "token_rejected";
    return { kind: "unauthenticated", reason, why };
  }
  const verified = await verify(credential.text);
  switch (verified.kind) {
    case "unavailable":
      return verified;
    case "not_live":
      return { kind: "unauthenticated", reason: "token_rejected", why: verified.reason };
    case "live": {
      const { token } = verified;
      if (!audience.includes(token.claims.aud)) return { kind: "forbidden", reason: "audience", token };
      if (!grants(token.claims.macp_scopes, required)) return { kind: "forbidden", reason: "scope", token };
      return { kind: "allowed", token };
    }
  }
}
