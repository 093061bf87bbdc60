import fc from "fast-check";
import { expect, test } from "vitest";
import { claimsWith, kidOf } from "../testing/forged.ts";
import { identityOf } from "./identity.ts";

const JTI = "AAAAAAAAAAAAAAAAAAAAAA";
const of = (sub: string, macp_scopes: object = {}): Record<string, string> =>
  Object.fromEntries(
    identityOf({
      claims: claimsWith({ macp_scopes, sub, iss: "i", aud: "a", iat: 1, exp: 1_700_000_000, jti: JTI }),
      kid: kidOf("k"),
    }),
  );

test("says whose request it is, of which token, what it may do and until when", () => {
  expect(of("agent://fleet/7", { allowed_modes: ["macp.mode.decision.v1"], is_observer: true })).toEqual({
    "x-auth-subject": "agent://fleet/7",
    "x-auth-token-id": JTI,
    "x-auth-scopes": '{"allowed_modes":["macp.mode.decision.v1"],"is_observer":true}',
    "x-auth-expires": "1700000000",
  });
});

test.each([
  [" agent é ", "%20agent%20%C3%A9%20"],
  ["100%", "100%25"],
  ["a\r\nx-auth-subject: b", "a%0D%0Ax-auth-subject:%20b"],
])("percent-encodes what no header can carry of %j", (sub, header) => {
  expect(of(sub)["x-auth-subject"]).toBe(header);
});

test("every subject and every scope can be read back, and no value can break out of its header", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.jsonValue(), (sub, value) => {
      const { "x-auth-subject": subject = "", "x-auth-scopes": scopes = "" } = of(sub, { value });
      expect(decodeURIComponent(subject)).toBe(sub);
      expect(JSON.parse(scopes)).toEqual(JSON.parse(JSON.stringify({ value })));
      expect(subject).toMatch(/^[\x21-\x7e]*$/);
      expect(scopes).toMatch(/^[\x20-\x7e]*$/);
    }),
  );
});
