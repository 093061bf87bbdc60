import { describe, expect, test } from "vitest";
import { discoveryUrlOf, jwksUrlOf } from "./discovery.ts";

const ISSUER = "https://issuer.example/tenant";
const read = (document: unknown, hosts: readonly string[] = []) =>
  jwksUrlOf(typeof document === "string" ? document : JSON.stringify(document), ISSUER, hosts);

describe("a discovery document", () => {
  test.each([
    ["https://issuer.example", "https://issuer.example/.well-known/openid-configuration"],
    ["https://issuer.example/", "https://issuer.example/.well-known/openid-configuration"],
    [ISSUER, "https://issuer.example/tenant/.well-known/openid-configuration"],
  ])("of %s is at %s", (issuer, url) => {
    expect(discoveryUrlOf(issuer)).toBe(url);
  });

  test("names the place of the keys on the issuer's own host", () => {
    expect(read({ issuer: ISSUER, jwks_uri: "https://issuer.example/keys" })).toEqual({
      url: "https://issuer.example/keys",
    });
  });

  test.each([
    "https://issuer.example/tenant/",
    "https://issuer.example/Tenant",
    "https://issuer.example",
    "https://ISSUER.example/tenant",
    "https://issuer.example:443/tenant",
    ["https://issuer.example/tenant"],
    undefined,
  ])("of the issuer %j is that of another issuer", (issuer) => {
    expect(read({ issuer, jwks_uri: "https://issuer.example/keys" })).toBe("issuer_mismatch");
  });

  test.each([
    "https://other.example/keys",
    "https://issuer.example:8443/keys",
    "https://issuer.example.evil.example/keys",
    "https://issuer.example@evil.example/keys",
    "http://issuer.example/keys",
    "http://allowed.example/keys",
    "https://allowed.example:8443/keys",
    "file:///etc/passwd",
  ])("does not lead to %s", (uri) => {
    expect(read({ issuer: ISSUER, jwks_uri: uri }, ["allowed.example"])).toBe("jwks_uri_forbidden");
  });

  test("leads to a host that the entry of the issuer allows", () => {
    const uri = "https://allowed.example:8443/keys";
    expect(read({ issuer: ISSUER, jwks_uri: uri }, ["allowed.example:8443"])).toEqual({ url: uri });
  });

  test.each([
    "<html>",
    "null",
    "7",
    "[]",
    `{"issuer":"${ISSUER}","jwks_uri":"https://evil.example/","jwks_uri":"https://issuer.example/keys"}`,
    `{"issuer":"https://evil.example","\\u0069ssuer":"${ISSUER}","jwks_uri":"https://issuer.example/keys"}`,
  ])("that is %s is malformed", (text) => {
    expect(read(text)).toBe("discovery_malformed");
  });

  test.each([undefined, null, 7, "", "/keys", ["https://issuer.example/keys"]])(
    "with the jwks_uri %j is malformed",
    (uri) => {
      expect(read({ issuer: ISSUER, jwks_uri: uri })).toBe("discovery_malformed");
    },
  );
});
