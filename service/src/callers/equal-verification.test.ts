import { beforeAll, expect, test, vi } from "vitest";
import {
  authenticateDeps,
  callerEntry,
  type ForeignSigner,
  foreignSigner,
  foreignToken,
  issuerEntry,
  OWN_ISSUER,
} from "../testing/callers.ts";
import { type AuthenticateDeps, authenticate } from "./authenticate.ts";

// What no clock can show in a test that must not fail by chance: which work a token costs.
const verified = vi.hoisted((): string[] => []);
vi.mock("node:crypto", async (original) => {
  const real = await original<typeof import("node:crypto")>();
  const verify = (...args: Parameters<typeof real.verify>) => {
    const { key } = args[2] as { readonly key: import("node:crypto").KeyObject };
    verified.push(key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? "?");
    real.verify(...args);
  };
  return { ...real, verify };
});

const NOW = 1_800_000_000;
const origin = {
  remoteAddress: undefined,
  host: undefined,
  origin: undefined,
  fetchSite: undefined,
  isForwarded: false,
};

let key: ForeignSigner;
let stranger: ForeignSigner;
let deps: AuthenticateDeps;
beforeAll(async () => {
  [key, stranger] = await Promise.all([foreignSigner("k"), foreignSigner("k")]);
  const known = authenticateDeps({
    issuers: [issuerEntry("ci"), issuerEntry("gone", { isDisabled: true }), issuerEntry("mute")],
    callers: [callerEntry("planner", { assertionKeys: [key.key] }), callerEntry("no-keys")],
  });
  known.issuerKeys.keys.set("ci", [key.key]);
  deps = known;
});

async function outcomeOf(claims: object, header: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const whole = { aud: OWN_ISSUER, jti: "j", iat: NOW, exp: NOW + 60, ...claims };
  const authorization = [`Bearer ${await foreignToken(stranger, whole, header)}`];
  verified.length = 0;
  const outcome = await authenticate(deps, { authorization, origin });
  return outcome.kind === "rejected" ? outcome.reason : "caller";
}

const as = (id: string) => ({ iss: id, sub: id });
const by = (issuer: string) => ({ iss: `https://${issuer}.example`, sub: "job" });

test.each<[string, object, Record<string, unknown>, string]>([
  ["a caller that has a key", as("planner"), {}, "signature_invalid"],
  ["that caller and no key", as("planner"), { kid: undefined }, "signature_invalid"],
  ["that caller and an unknown key", as("planner"), { kid: "other" }, "key_unknown"],
  ["a caller that has no key", as("no-keys"), {}, "issuer_unknown"],
  ["a caller that does not exist", as("nobody"), {}, "issuer_unknown"],
  ["an issuer", by("ci"), {}, "signature_invalid"],
  ["an issuer and an unknown key", by("ci"), { kid: "other" }, "key_unknown"],
  ["an issuer and another audience", { ...by("ci"), aud: "other" }, {}, "audience_mismatch"],
  ["an issuer and an end that has passed", { ...by("ci"), exp: NOW - 60 }, {}, "token_expired"],
  ["an issuer that is disabled", by("gone"), {}, "issuer_disabled"],
  ["an issuer whose keys are not known", by("mute"), {}, "keys_unavailable"],
  ["an issuer that is not declared", by("other"), {}, "issuer_unknown"],
  ["this service", { iss: OWN_ISSUER, sub: "a" }, {}, "own_token"],
])("a token of a stranger that names %s costs one verification", async (_name, claims, header, reason) => {
  expect(await outcomeOf(claims, header)).toBe(reason);
  expect(verified).toEqual(["prime256v1"]);
});

test("a stranger's token of an algorithm that nobody here uses costs none", async () => {
  const rsa = await foreignSigner("k", "RS256");
  const alone = authenticateDeps({ callers: [callerEntry("planner", { assertionKeys: [key.key] })] });
  const token = await foreignToken(rsa, { ...as("nobody"), aud: OWN_ISSUER, exp: NOW + 60 });
  verified.length = 0;
  expect(await authenticate(alone, { authorization: [`Bearer ${token}`], origin })).toMatchObject({
    reason: "issuer_unknown",
  });
  expect(verified).toEqual([]);
});
