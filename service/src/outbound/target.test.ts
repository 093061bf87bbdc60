import { describe, expect, test } from "vitest";
import { targetOf } from "./target.ts";

describe("where a request may go", () => {
  test.each([
    ["not a url", "url_invalid"],
    [`https://issuer.example/${"a".repeat(2048)}`, "url_invalid"],
    ["https://user@issuer.example/", "url_invalid"],
    ["https://user:password@issuer.example/", "url_invalid"],
    ["http://issuer.example/", "url_insecure"],
    ["http://localhost.issuer.example/", "url_insecure"],
    ["file:///etc/passwd", "url_insecure"],
    ["ftp://127.0.0.1/", "url_insecure"],
    ["http://10.0.0.1/", "url_insecure"],
    ["https://127.0.0.1/", "address_forbidden"],
    ["http://127.0.0.1/", "address_forbidden"],
    ["https://127.1/", "address_forbidden"],
    ["https://0x7f000001/", "address_forbidden"],
    ["https://2130706433/", "address_forbidden"],
    ["https://017700000001/", "address_forbidden"],
    ["https://[::1]/", "address_forbidden"],
    ["https://[::ffff:127.0.0.1]/", "address_forbidden"],
    ["https://10.0.0.1/", "address_forbidden"],
    ["https://169.254.169.254/latest/meta-data", "address_forbidden"],
    ["https://0/", "address_forbidden"],
  ])("a public issuer at %s is rejected: %s", (url, reason) => {
    expect(targetOf(url, "public")).toBe(reason);
  });

  test.each([
    "https://169.254.169.254/",
    "https://[fe80::1]/",
    "https://0.0.0.0/",
    "https://[::ffff:169.254.169.254]/",
  ])("a private issuer never leads to %s", (url) => {
    expect(targetOf(url, "private")).toBe("address_forbidden");
  });

  test.each([
    ["https://issuer.example/keys", "public", ["public"]],
    ["https://10.0.0.1:6443/openid/v1/jwks", "private", ["public", "private", "loopback"]],
    ["http://127.0.0.1:8080/keys", "private", ["loopback"]],
    ["http://localhost/keys", "private", ["loopback"]],
    // Without TLS a public issuer has no address at all.
    ["http://localhost/keys", "public", []],
  ] as const)("%s of a %s issuer connects only to %j", (url, reach, allowed) => {
    expect(targetOf(url, reach)).toEqual({ url: new URL(url), allowed });
  });
});
