import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemRandom } from "../../../kernel/random.ts";
import { systemTimers } from "../../../kernel/timers.ts";
import { TestClock } from "../../../testing/moments.ts";
import type { World } from "../../terminal/world.ts";
import { gatherConfiguration } from "./configuration-facts.ts";

const KEK = Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString("base64url");

describe("the files that are checked", () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);
  const world = {
    clock: new TestClock(),
    random: systemRandom(),
    userId: 1_000,
    timers: systemTimers,
    nodeVersion: "v24.22.3",
  } as Partial<World> as World;

  /** Their names and what they hold, for an environment file with these settings. */
  async function lookedAt(values: Record<string, string>): Promise<readonly string[]> {
    const { secretFiles, settings } = await gatherConfiguration(world, {
      kind: "file",
      path: file("service.env"),
      unreadLines: [],
      values,
    });
    expect(settings.kind).toBe("read");
    return secretFiles.map(({ path, holds }) => `${path.slice(folder.length + 1)}: ${holds}`);
  }

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-facts-"));
    for (const name of ["service.env", "key", "kek", "token", "access"])
      await writeFile(file(name), `${KEK}\n`);
  });
  afterEach(() => rm(folder, { recursive: true }));

  test.each([
    ["MACP_AUTH_SIGNING_KEY_JSON", "{}"],
    ["MACP_AUTH_KEK", KEK],
    ["MACP_AUTH_ADMIN_TOKEN", KEK],
    ["MACP_AUTH_SHARED_SECRET", KEK],
    ["MACP_AUTH_STORE_URL", "memory:"],
  ])("include the environment file itself when %s stands in it", async (name, value) => {
    expect(await lookedAt({ [name]: value })).toEqual(["service.env: other-secret"]);
  });

  test("are those with the signing key, the key-encryption keys, the admin token, the shared secret, and the access document", async () => {
    expect(await lookedAt({ HOST: "127.0.0.1" })).toEqual([]);
    expect(
      await lookedAt({
        MACP_AUTH_SIGNING_KEY_FILE: file("key"),
        MACP_AUTH_ADMIN_PORT: "0",
        MACP_AUTH_ADMIN_TOKEN_FILE: file("token"),
      }),
    ).toEqual(["key: signing-key", "token: other-secret"]);
    expect(
      await lookedAt({
        MACP_AUTH_SHARED_SECRET_FILE: file("token"),
        MACP_AUTH_CONFIG_FILE: file("access"),
      }),
    ).toEqual(["token: other-secret", "access: access-document"]);
    expect(
      await lookedAt({ MACP_AUTH_KEY_ROTATION_SECONDS: "86400", MACP_AUTH_KEK_FILE: file("kek") }),
    ).toEqual(["kek: other-secret"]);
  });
});
