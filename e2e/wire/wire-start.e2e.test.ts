import { type JsonWebKey, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { calculateJwkThumbprint } from "jose";
import { describe, expect, test } from "vitest";
import { ask } from "../support/raw-http.ts";
import {
  BOOT_MS_MAX,
  type Environment,
  type FinishedProcess,
  runToExit,
  withService,
} from "../support/service-process.ts";
import {
  ecJwk,
  ed25519Jwk,
  privateJwk,
  privateValues,
  publicHalf,
  rsaJwk,
  type SigningAlg,
  signingWith,
} from "../support/signing-keys.ts";
import { mintChecked, publishedKeys } from "../support/token-check.ts";

const KEY = "MACP_AUTH_SIGNING_KEY_JSON";

/** Checks that the start failed as it must: exit 1, nothing on stdout but log lines, each named variable at fault on a line of its own. */
function expectFaults(finished: FinishedProcess, variables: readonly string[]): void {
  expect(finished).toMatchObject({ code: 1 });
  expect(finished.stderr).toHaveLength(variables.length);
  for (const variable of variables) {
    expect(
      finished.stderr.filter((line) => new RegExp(`\\b${variable}\\b`).test(line)),
      variable,
    ).not.toEqual([]);
  }
  expect(finished.stderr.join("\n")).not.toMatch(/^\s+at /m);
}

describe("row 31: signing keys that are rejected", { timeout: BOOT_MS_MAX }, () => {
  const rsa = rsaJwk(2048);
  const otherRsa = rsaJwk(2048);
  const ec = ecJwk("P-256");
  const otherEc = ecJwk("P-256");
  const secret: JsonWebKey = { kty: "oct", k: randomBytes(32).toString("base64url") };

  const documents: ReadonlyArray<readonly [string, SigningAlg, string]> = [
    ["text that is not JSON", "RS256", "not json"],
    ["a JWK cut short", "RS256", JSON.stringify(rsa).slice(0, -20)],
    ["a JWK in single quotes", "ES256", JSON.stringify(ec).replaceAll('"', "'")],
    ["a JSON string", "RS256", JSON.stringify(JSON.stringify(rsa))],
    ["a JSON array", "RS256", JSON.stringify([rsa])],
    ["null", "RS256", "null"],
    ["a number", "RS256", "42"],
    ["an empty object", "RS256", "{}"],
    ["a whole key set", "RS256", JSON.stringify({ keys: [rsa] })],
  ];
  test.each(documents)(
    "row 31: %s ends the start with one line that names the variable and shows nothing of the key",
    async (_name, alg, document) => {
      const finished = await runToExit({ MACP_AUTH_SIGNING_ALG: alg, [KEY]: document });
      expectFaults(finished, [KEY]);
      expectNoSecret(finished, [rsa, ec]);
    },
  );

  const keys: ReadonlyArray<readonly [string, SigningAlg, unknown]> = [
    ["the public half of an RSA key", "RS256", publicHalf(rsa)],
    ["the public half of an EC key", "ES256", publicHalf(ec)],
    ["an EC key for RS256", "RS256", ec],
    ["an RSA key for ES256", "ES256", rsa],
    ["an RSA key of 1024 bits", "RS256", rsaJwk(1024)],
    ["an RSA key of 2040 bits", "RS256", rsaJwk(2040)],
    ["a P-384 key", "ES256", ecJwk("P-384")],
    ["a P-521 key", "ES256", ecJwk("P-521")],
    ["a secp256k1 key", "ES256", ecJwk("secp256k1")],
    ["an Ed25519 key", "ES256", ed25519Jwk()],
    ["a shared secret for RS256", "RS256", secret],
    ["a shared secret for ES256", "ES256", secret],
    ["a shared secret that says alg RS256", "RS256", { ...secret, alg: "RS256" }],
    ["a kid that is a number", "RS256", { ...rsa, kid: 42 }],
    ["a kid that is true", "ES256", { ...ec, kid: true }],
    ["a kid that is an object", "RS256", { ...rsa, kid: {} }],
    ["a kid that is a list", "ES256", { ...ec, kid: ["a"] }],
    ["the alg of another algorithm", "RS256", { ...rsa, alg: "PS256" }],
    ["the alg of another key type", "RS256", { ...rsa, alg: "ES256" }],
    ["the alg of encryption", "RS256", { ...rsa, alg: "RSA-OAEP" }],
    ["an alg that is a number", "ES256", { ...ec, alg: 256 }],
    ["the use of encryption", "RS256", { ...rsa, use: "enc" }],
    ["a use that is a number", "ES256", { ...ec, use: 1 }],
    ["key_ops without signing", "RS256", { ...rsa, key_ops: ["verify"] }],
    ["key_ops of decryption", "ES256", { ...ec, key_ops: ["deriveKey"] }],
    ["key_ops that are empty", "RS256", { ...rsa, key_ops: [] }],
    ["key_ops that are no list", "RS256", { ...rsa, key_ops: "sign" }],
    ["no kty", "RS256", { ...rsa, kty: undefined }],
    ["an unknown kty", "RS256", { ...rsa, kty: "rsa" }],
    ["no modulus", "RS256", { ...rsa, n: undefined }],
    ["a modulus that is no base64url", "RS256", { ...rsa, n: "!!!" }],
    ["no curve", "ES256", { ...ec, crv: undefined }],
    ["a point that is not on the curve", "ES256", { ...ec, x: randomBytes(32).toString("base64url") }],
    ["the public half of another RSA key", "RS256", { ...rsa, n: otherRsa.n }],
    ["the public half of another EC key", "ES256", { ...ec, x: otherEc.x, y: otherEc.y }],
    ["an empty private exponent", "RS256", { ...rsa, d: "" }],
  ];
  test.each(keys)(
    "row 31: a key with %s ends the start with one line that names the variable and shows nothing of the key",
    async (_name, alg, jwk) => {
      const finished = await runToExit(signingWith(alg, jwk as JsonWebKey));
      expectFaults(finished, [KEY]);
      expectNoSecret(finished, [rsa, ec, otherRsa, otherEc, secret, jwk as JsonWebKey]);
    },
  );

  test("row 31: a PEM instead of a JWK is rejected and not shown", async () => {
    const finished = await runToExit({
      [KEY]: `-----BEGIN PRIVATE KEY-----\n${"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC".repeat(4)}\n-----END PRIVATE KEY-----`,
    });
    expectFaults(finished, [KEY]);
    expect([...finished.stdout, ...finished.stderr].join("\n")).not.toMatch(/BEGIN|MIIEvQIB/);
  });

  test.each(["RS256", "ES256"] as const)(
    "row 31: an %s key whose alg, use and key_ops agree with signing is used",
    async (alg) => {
      const jwk = { ...privateJwk(alg), alg, use: "sig", key_ops: ["sign"] };
      await withService(signingWith(alg, jwk), async (service) => {
        expect((await mintChecked(service.port, { sender: "a" })).header["alg"]).toBe(alg);
      });
    },
  );

  function expectNoSecret(finished: FinishedProcess, jwks: readonly JsonWebKey[]): void {
    const written = [...finished.stdout, ...finished.stderr].join("\n");
    for (const value of jwks.flatMap(privateValues).filter((value) => value.length > 8)) {
      expect(written).not.toContain(value);
      expect(written).not.toContain(value.slice(0, 16));
    }
  }
});

describe("row 32: empty variables count as unset", { timeout: BOOT_MS_MAX }, () => {
  const variables = [
    "HOST",
    "MACP_AUTH_ISSUER",
    "MACP_AUTH_AUDIENCE",
    "MACP_AUTH_MAX_TTL_SECONDS",
    "MACP_AUTH_DEFAULT_TTL_SECONDS",
    "MACP_AUTH_SIGNING_ALG",
    KEY,
  ];

  async function expectDefaults(port: number): Promise<void> {
    const { header, payload } = await mintChecked(port, { sender: "a", ttl_seconds: 9_999 });
    expect(header["alg"]).toBe("RS256");
    expect(payload).toMatchObject({
      iss: "macp-auth-service",
      aud: "macp-runtime",
      exp: payload.iat + 3_600,
    });
    expect((await mintChecked(port, { sender: "a" })).response.expires_in_seconds).toBe(300);
  }

  test("row 32: with every variable empty the defaults hold", async () => {
    await withService(Object.fromEntries(variables.map((variable) => [variable, ""])), (service) =>
      expectDefaults(service.port),
    );
  });

  test("row 32: an empty PORT is port 3200, like none at all", async ({ skip }) => {
    if (!(await isFree(3200))) skip("port 3200 is taken on this machine");
    await withService({ PORT: "" }, async (service) => {
      expect(service.port).toBe(3200);
      await expectDefaults(3200);
    });
  });
});

describe("row 33: invalid settings", { timeout: BOOT_MS_MAX }, () => {
  const wrong: Readonly<Record<string, readonly string[]>> = {
    PORT: ["abc", "-1", "65536", "3200x", "80.5", "1e99", "0x"],
    MACP_AUTH_SIGNING_ALG: ["HS256", "none", "PS256", "rs256", "ES384", "RS256,ES256"],
    MACP_AUTH_MAX_TTL_SECONDS: ["0", "-5", "abc", "Infinity", "NaN", "5m"],
    MACP_AUTH_DEFAULT_TTL_SECONDS: ["0", "-5", "abc", "Infinity", "NaN", "1h"],
  };
  const cases = Object.entries(wrong).flatMap(([variable, values]) =>
    values.map((value) => [variable, value] as const),
  );

  test.each(cases)(
    "row 33: %s=%s ends the start with one line that names the variable",
    async (variable, value) => {
      expectFaults(await runToExit({ [variable]: value }), [variable]);
    },
  );

  test("row 33: all faults are reported at once, a line each", async () => {
    const env: Environment = {
      PORT: "abc",
      MACP_AUTH_SIGNING_ALG: "HS256",
      MACP_AUTH_MAX_TTL_SECONDS: "0",
      MACP_AUTH_DEFAULT_TTL_SECONDS: "-1",
      [KEY]: "not json",
    };
    expectFaults(await runToExit(env), Object.keys(env));
  });

  test("row 33: a busy port ends the start with one line that names it", async () => {
    const squatter = createServer();
    await once(squatter.listen(0, "::"), "listening");
    const { port } = squatter.address() as AddressInfo;
    const finished = await runToExit({ PORT: String(port) });
    squatter.close();
    expect(finished.code).toBe(1);
    expect(finished.stderr).toHaveLength(1);
    expect(finished.stderr[0]).toContain(String(port));
    expect(finished.stderr[0]).toContain("PORT");
  });
});

describe("rows 34 and 35: settings that are corrected, and the warnings about them", {
  timeout: BOOT_MS_MAX,
}, () => {
  test("row 34: a default TTL above the maximum is reduced to it, with a warning", async () => {
    await withService(
      { MACP_AUTH_DEFAULT_TTL_SECONDS: "7200", MACP_AUTH_MAX_TTL_SECONDS: "600" },
      async (service) => {
        await expect.poll(() => service.output()).toMatch(/"level":"warn".*MACP_AUTH_DEFAULT_TTL_SECONDS/);
        expect((await mintChecked(service.port, { sender: "a" })).response.expires_in_seconds).toBe(600);
      },
    );
  });

  test("row 34: a default TTL equal to the maximum causes no warning", async () => {
    await withService(
      { MACP_AUTH_DEFAULT_TTL_SECONDS: "600", MACP_AUTH_MAX_TTL_SECONDS: "600" },
      async (service) => {
        await mintChecked(service.port, { sender: "a" });
        await service.event("token_minted");
        expect(service.output()).not.toContain("MACP_AUTH_DEFAULT_TTL_SECONDS");
      },
    );
  });

  test("row 34: without a configured key the service warns that its key ends with the process", async () => {
    await withService({}, async (service) => {
      await expect.poll(() => service.output()).toMatch(/"level":"warn".*MACP_AUTH_SIGNING_KEY/);
    });
  });

  test.each(["RS256", "ES256"] as const)(
    "row 35: an ephemeral %s key is named by its RFC 7638 thumbprint",
    async (alg) => {
      await withService({ MACP_AUTH_SIGNING_ALG: alg }, async (service) => {
        const [key] = (await publishedKeys(service.port)).keys;
        expect(key?.kid).toBe(await calculateJwkThumbprint(key ?? {}, "sha256"));
      });
    },
  );

  test.each(["RS256", "ES256"] as const)(
    "row 35: a configured %s key without a kid is named by its RFC 7638 thumbprint",
    async (alg) => {
      const jwk = privateJwk(alg);
      await withService(signingWith(alg, jwk), async (service) => {
        const thumbprint = await calculateJwkThumbprint(publicHalf(jwk), "sha256");
        expect((await publishedKeys(service.port)).keys[0]?.kid).toBe(thumbprint);
        expect((await mintChecked(service.port, { sender: "a" })).header["kid"]).toBe(thumbprint);
      });
    },
  );

  test("row 35: a configured kid is kept as it is", async () => {
    await withService(signingWith("ES256", { ...ecJwk("P-256"), kid: "prod/2026 é" }), async (service) => {
      expect((await publishedKeys(service.port)).keys[0]?.kid).toBe("prod/2026 é");
      expect((await mintChecked(service.port, { sender: "a" })).header["kid"]).toBe("prod/2026 é");
    });
  });
});

describe("row 37: replicas", { timeout: BOOT_MS_MAX }, () => {
  test.each(["RS256", "ES256"] as const)(
    "row 37: two instances with the same %s key verify each other's tokens and publish the same bytes",
    async (alg) => {
      const env = signingWith(alg, privateJwk(alg));
      await withService(env, (one) =>
        withService(env, async (other) => {
          await mintChecked(one.port, { sender: "a" }, other.port);
          await mintChecked(other.port, { sender: "a" }, one.port);
          const [first, second] = await Promise.all(
            [one, other].map(({ port }) => ask(port, { path: "/.well-known/jwks.json" })),
          );
          expect(first?.text).toBe(second?.text);
          expect(first?.headers.get("etag")).toBe(second?.headers.get("etag"));
        }),
      );
    },
  );

  test("row 37: instances with keys of their own do not verify each other's tokens", async () => {
    await withService({}, (one) =>
      withService({}, async (other) => {
        await expect(mintChecked(one.port, { sender: "a" }, other.port)).rejects.toThrow(
          /no applicable key|signature/,
        );
      }),
    );
  });
});

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const free = await new Promise<boolean>((resolve) => {
    probe.once("error", () => {
      resolve(false);
    });
    probe.listen(port, "::", () => {
      resolve(true);
    });
  });
  if (free) await new Promise((resolve) => probe.close(resolve));
  return free;
}
