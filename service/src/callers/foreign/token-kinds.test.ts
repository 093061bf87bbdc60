import { beforeAll, describe, expect, test } from "vitest";
import {
  authenticateDeps,
  CLUSTER_ISSUER,
  callerEntry,
  type ForeignSigner,
  foreignSigner,
  foreignToken,
  issuerEntry,
  OWN_ISSUER,
} from "../../testing/callers.ts";
import { authenticate } from "../authenticate.ts";

// One key signs every kind of token here, so that only the rules keep the kinds apart.

const NOW = 1_800_000_000;
const ELSEWHERE = {
  remoteAddress: "192.0.2.1",
  host: "a",
  origin: undefined,
  fetchSite: undefined,
  isForwarded: false,
};
let signer: ForeignSigner;
beforeAll(async () => {
  signer = await foreignSigner();
});

function everyKind() {
  const rule = { subject: "**", claims: {} };
  const deps = authenticateDeps({
    issuers: [
      issuerEntry("cluster", { issuer: CLUSTER_ISSUER }),
      issuerEntry("mesh", { preset: "spiffe", issuer: "spiffe://prod.example" }),
    ],
    callers: [
      callerEntry("job", { workloads: [{ issuer: "cluster", ...rule }] }),
      callerEntry("svid", { workloads: [{ issuer: "mesh", ...rule }] }),
      callerEntry("ci", { assertionKeys: [signer.key] }),
    ],
  });
  for (const name of ["cluster", "mesh"]) deps.issuerKeys.keys.set(name, [signer.key]);
  return deps;
}

const life = { iat: NOW, exp: NOW + 200 };
const KINDS = {
  "a token of this service": [
    { iss: OWN_ISSUER, sub: "agent://a", aud: "macp-runtime", jti: "t", ...life },
    { typ: "JWT" },
  ],
  "the same for our own audience": [{ iss: OWN_ISSUER, sub: "ci", aud: OWN_ISSUER, jti: "u", ...life }, {}],
  "a workload JWT": [{ iss: CLUSTER_ISSUER, sub: "build", aud: OWN_ISSUER, ...life }, { typ: "JWT" }],
  "a client assertion": [
    { iss: "ci", sub: "ci", aud: OWN_ISSUER, jti: "v", ...life },
    { typ: "client-authentication+jwt" },
  ],
  "a JWT-SVID": [{ sub: "spiffe://prod.example/a", aud: OWN_ISSUER, ...life }, { typ: "JOSE" }],
  "an assertion with the type of an access token": [
    { iss: "ci", sub: "ci", aud: OWN_ISSUER, jti: "w", ...life },
    { typ: "at+jwt" },
  ],
  "an assertion whose issuer is not its subject": [
    { iss: CLUSTER_ISSUER, sub: "ci", aud: OWN_ISSUER, jti: "x", ...life },
    { typ: "client-authentication+jwt" },
  ],
  "an ID token for somebody else": [{ iss: CLUSTER_ISSUER, sub: "build", aud: "an-app", ...life }, {}],
  "a status list": [
    { iss: CLUSTER_ISSUER, sub: "build", aud: OWN_ISSUER, ...life },
    { typ: "statuslist+jwt" },
  ],
  "a DPoP proof": [{ iss: CLUSTER_ISSUER, sub: "build", aud: OWN_ISSUER, ...life }, { typ: "dpop+jwt" }],
  "a logout token": [{ iss: CLUSTER_ISSUER, sub: "build", aud: OWN_ISSUER, ...life }, { typ: "logout+jwt" }],
  "a security event": [
    { iss: CLUSTER_ISSUER, sub: "build", aud: OWN_ISSUER, ...life },
    { typ: "secevent+jwt" },
  ],
} as const satisfies Readonly<Record<string, readonly [claims: object, header: object]>>;

describe("a token of one kind is never taken for another, also when one key signs them all", () => {
  test.each<[keyof typeof KINDS, string]>([
    ["a token of this service", "own_token"],
    ["the same for our own audience", "own_token"],
    ["a workload JWT", "workload_jwt job"],
    ["a client assertion", "private_key_jwt ci"],
    ["a JWT-SVID", "workload_jwt svid"],
    ["an assertion with the type of an access token", "token_type_not_allowed"],
    ["an assertion whose issuer is not its subject", "token_type_not_allowed"],
    ["an ID token for somebody else", "audience_mismatch"],
    ["a status list", "token_type_not_allowed"],
    ["a DPoP proof", "token_type_not_allowed"],
    ["a logout token", "token_type_not_allowed"],
    ["a security event", "token_type_not_allowed"],
  ])("%s: %s", async (kind, expected) => {
    const [claims, header] = KINDS[kind];
    const token = await foreignToken(signer, claims, header);
    const outcome = await authenticate(everyKind(), {
      authorization: [`Bearer ${token}`],
      origin: ELSEWHERE,
    });
    if (outcome.kind === "rejected") expect(outcome.reason).toBe(expected);
    else if (outcome.caller.kind === "declared")
      expect(`${outcome.caller.proof} ${outcome.caller.id}`).toBe(expected);
    else expect.unreachable("a caller that is not declared");
  });
});
