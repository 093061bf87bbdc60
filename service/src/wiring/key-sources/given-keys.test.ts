import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { loadSettings } from "../../config/environment.ts";
import { privateJwkOf } from "../../keys/custody/make-key.ts";
import { testKey } from "../../testing/test-keys.ts";
import { keysFromFile, keysFromJwk } from "./given-keys.ts";

const key = testKey("given");
const jwk = JSON.stringify(key.privateKey && privateJwkOf(key.privateKey, key.kid, key.alg));

const RS256 = { wantedAlg: "RS256", labels: loadSettings({}).labels } as const;
const ES256 = { ...RS256, wantedAlg: "ES256" } as const;

describe("a key file", () => {
  let folder: string;
  let path: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-load-"));
    path = join(folder, "key.json");
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("of one mebibyte is read, and one byte more is rejected", async () => {
    await writeFile(path, jwk.padEnd(1_048_576));
    expect((await keysFromFile("KEY_FILE", path, ES256)).map(({ kid }) => kid)).toEqual(["given"]);
    await writeFile(path, jwk.padEnd(1_048_577));
    await expect(keysFromFile("KEY_FILE", path)).rejects.toThrow(/^KEY_FILE: .* larger than 1 MiB/);
  });

  test("that cannot be read is reported with its path and the reason", async () => {
    await expect(keysFromFile("KEY_FILE", path)).rejects.toThrow(`KEY_FILE: ${path} does not exist (ENOENT)`);
  });
});

test("a key for another algorithm than the configured one is rejected, and both are named", () => {
  expect(keysFromJwk("KEY", jwk, ES256)).toHaveLength(1);
  expect(keysFromJwk("KEY", jwk)).toHaveLength(1);
  expect(() => keysFromJwk("KEY", jwk, RS256)).toThrow(
    /^KEY is a key for ES256, but MACP_AUTH_SIGNING_ALG is RS256/,
  );
});

test("a public key signs nothing and is rejected", () => {
  expect(() => keysFromJwk("KEY", JSON.stringify(key.publicJwk), ES256)).toThrow(/^KEY is a public key/);
});
