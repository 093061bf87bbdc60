import { expect, test } from "vitest";
import type { Scopes } from "../scopes/scopes.ts";
import { claimsWith, kidOf } from "../testing/forged.ts";
import type { OwnToken, Verified } from "../tokens/verify.ts";
import { type Checked, check } from "./check.ts";
import { NOTHING_REQUIRED, type RequiredScopes, readRequired } from "./required-scopes.ts";

const tokenWith = (macp_scopes: Scopes = {}, aud = "macp-runtime"): OwnToken => ({
  claims: claimsWith({ macp_scopes, sub: "a", iss: "i", aud, iat: 1, exp: 2, jti: "AAAAAAAAAAAAAAAAAAAAAA" }),
  kid: kidOf("k"),
});
const live = (token: OwnToken): Verified => ({ kind: "live", token });

/** What is decided about a request with this header, when the text in it is this. */
function checked(
  verified: Verified,
  authorization: readonly string[] = ["Bearer t.t.t"],
  required: RequiredScopes = NOTHING_REQUIRED,
): Promise<Checked> {
  const verify = () => Promise.resolve(verified);
  return check({ verify, audience: ["macp-runtime"] }, { authorization, required });
}

/** The requirement that a query states. */
function required(query: string): RequiredScopes {
  const read = readRequired(new URLSearchParams(query));
  if (read.kind === "unknown") throw new Error(read.member);
  return read.required;
}

test.each(["Bearer t.t.t", "bearer t.t.t", "BEARER   t.t.t"])(
  "lets a live token pass as %s",
  async (header) => {
    const token = tokenWith();
    expect(await checked(live(token), [header])).toEqual({ kind: "allowed", token });
  },
);

test.each([
  ["without a token", [], "no_token", "credential_missing"],
  ["with two", ["Bearer t.t.t", "Bearer t.t.t"], "token_rejected", "credentials_several"],
  [
    "with a token and another credential",
    ["Bearer t.t.t", "Basic eA=="],
    "token_rejected",
    "credentials_several",
  ],
  ["with an empty header", [""], "token_rejected", "credential_malformed"],
  ["with another scheme", ["Basic eA=="], "token_rejected", "credential_malformed"],
  ["with no scheme", ["t.t.t"], "token_rejected", "credential_malformed"],
  ["with no space after the scheme", ["Bearert.t.t"], "token_rejected", "credential_malformed"],
])("does not verify anything of a request %s", async (_what, authorization, reason, why) => {
  expect(await checked(live(tokenWith()), authorization)).toEqual({ kind: "unauthenticated", reason, why });
});

test("does not let a token pass that is not live", async () => {
  expect(await checked({ kind: "not_live", reason: "revoked" })).toEqual({
    kind: "unauthenticated",
    reason: "token_rejected",
    why: "revoked",
  });
});

test.each(["revocations_stale", "no_keys"] as const)(
  "guesses nothing while it is blind: %s",
  async (reason) => {
    expect(await checked({ kind: "unavailable", reason })).toEqual({ kind: "unavailable", reason });
  },
);

test("does not let a token for another audience pass", async () => {
  const token = tokenWith({}, "another-service");
  expect(await checked(live(token))).toEqual({ kind: "forbidden", reason: "audience", token });
});

test.each<[query: string, scopes: Scopes]>([
  // What the runtime grants where a field is absent.
  ["can_start_sessions=true", {}],
  ["mode=any", {}],
  ["can_manage_mode_registry=true", { can_manage_mode_registry: true }],
  ["is_observer=true&can_start_sessions=true", { is_observer: true, can_start_sessions: null }],
  ["mode=m1&mode=m2", { allowed_modes: ["m2", "m1"] }],
  ["mode=", { allowed_modes: [""] }],
])("%s is granted by %j", async (query, scopes) => {
  const token = tokenWith(scopes);
  expect(await checked(live(token), undefined, required(query))).toEqual({ kind: "allowed", token });
});

test.each<[query: string, scopes: Scopes]>([
  ["can_start_sessions=true", { can_start_sessions: false }],
  ["can_manage_mode_registry=true", {}],
  ["is_observer=true", { is_observer: null }],
  ["is_observer=true&can_start_sessions=true", { is_observer: true, can_start_sessions: false }],
  ["mode=m1", { allowed_modes: [] }],
  ["mode=m1&mode=m2", { allowed_modes: ["m1"] }],
  ["mode=m1", { allowed_modes: ["M1", "*"] }],
  ["mode=", { allowed_modes: ["m1"] }],
  // The runtime rejects such a token as a whole.
  ["can_start_sessions=true", { can_start_sessions: true, max_open_sessions: -1 }],
])("%s is not granted by %j", async (query, scopes) => {
  const token = tokenWith(scopes);
  expect(await checked(live(token), undefined, required(query))).toEqual({
    kind: "forbidden",
    reason: "scope",
    token,
  });
});

test.each([
  ["can_start_session=true", "can_start_session"],
  ["can_start_sessions=false", "can_start_sessions"],
  ["can_start_sessions", "can_start_sessions"],
  ["can_start_sessions=TRUE", "can_start_sessions"],
  ["mode=m&max_open_sessions=1", "max_open_sessions"],
  ["Mode=m", "Mode"],
  ["=", ""],
])("%s is not understood, and requires nothing by mistake", (query, member) => {
  expect(readRequired(new URLSearchParams(query))).toEqual({ kind: "unknown", member });
});
