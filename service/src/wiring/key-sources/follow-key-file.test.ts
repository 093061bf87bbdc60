import { mkdir, mkdtemp, rename, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { fileMark } from "../../files/follow.ts";
import { privateJwkOf } from "../../keys/custody/make-key.ts";
import { LiveKeys } from "../../keys/given/live-keys.ts";
import { ringAtBoot } from "../../keys/given/plan-file-change.ts";
import { signersFor } from "../../keys/given/signers-for.ts";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import { TestClock } from "../../testing/moments.ts";
import { testKey } from "../../testing/test-keys.ts";
import { type KeyFileLook, keyFileFollower } from "./follow-key-file.ts";
import { keysFromFile } from "./given-keys.ts";

const [a, b] = [testKey("a"), testKey("b")];
const rules = { alg: "ES256", leadSeconds: 7_200, overlapSeconds: 3_755 } as const;

function textOf(...keys: readonly ImportedKey[]): string {
  return JSON.stringify({
    keys: keys.map((key) => key.privateKey && privateJwkOf(key.privateKey, key.kid, key.alg)),
  });
}

describe("a followed key file", () => {
  let folder: string;
  let path: string;
  let clock: TestClock;
  let keys: LiveKeys;
  let look: () => Promise<KeyFileLook>;

  /** Starts to follow what is there now. */
  async function follow(): Promise<void> {
    const mark = await fileMark(path);
    const imported = await keysFromFile("KEY_FILE", path);
    clock = new TestClock();
    keys = new LiveKeys(ringAtBoot(imported, clock.now()), signersFor(imported), clock);
    look = keyFileFollower({ clock, keys, setting: "KEY_FILE", path, rules }, mark);
  }

  const signs = (): string | undefined => keys.view().signing?.kid;
  const served = (): string[] =>
    (JSON.parse(keys.view().jwks?.body ?? "{}") as { keys: { kid: string }[] }).keys.map((key) => key.kid);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "macp-auth-follow-"));
    path = join(folder, "keys.json");
    await writeFile(path, textOf(a));
    await follow();
  });
  afterEach(() => rm(folder, { recursive: true }));

  test("that is edited is followed at the second look: served at once, signing after the lead", async () => {
    await writeFile(path, textOf(b, a));
    expect(await look()).toEqual({ kind: "same" });
    expect(await look()).toEqual({ kind: "changed" });
    expect([signs(), served()]).toEqual(["a", ["a", "b"]]);
    clock.move(7_199);
    expect(signs()).toBe("a");
    clock.move(1);
    expect([signs(), served()]).toEqual(["b", ["b", "a"]]);
    expect(await look()).toEqual({ kind: "same" });
  });

  test("that an editor replaces by renaming is followed, and the key that left it signs until its successor may", async () => {
    await writeFile(join(folder, "draft"), textOf(b));
    await rename(join(folder, "draft"), path);
    await look();
    expect(await look()).toEqual({ kind: "changed" });
    clock.move(7_199);
    expect(signs()).toBe("a");
    clock.move(1 + 3_754);
    expect([signs(), served()]).toEqual(["b", ["b", "a"]]);
    clock.move(1);
    expect(served()).toEqual(["b"]);
  });

  test("that is a mounted secret is followed when the mount's link moves to another folder", async () => {
    for (const [name, key] of [
      ["one", a],
      ["two", b],
    ] as const) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "keys.json"), textOf(key));
    }
    await symlink("one", join(folder, "data"));
    path = join(folder, "mounted.json");
    await symlink(join("data", "keys.json"), path);
    await follow();
    await symlink("two", join(folder, "data.new"));
    await rename(join(folder, "data.new"), join(folder, "data"));
    await look();
    expect(await look()).toEqual({ kind: "changed" });
    expect(served()).toEqual(["a", "b"]);
  });

  test("that is still being written is not read until two looks agree on it", async () => {
    const whole = textOf(b, a);
    await writeFile(path, whole.slice(0, 100));
    expect(await look()).toEqual({ kind: "same" });
    await writeFile(path, whole);
    expect(await look()).toEqual({ kind: "same" });
    expect(await look()).toEqual({ kind: "changed" });
  });

  test.each([
    ["is broken", "{", /is not valid JSON|is empty/],
    ["is empty", "", /is not valid JSON|is empty/],
    ["holds a key for another algorithm", textOf(testKey("rsa", "RS256")), /needs a restart/],
    ["holds one public key", JSON.stringify(b.publicJwk), /is a public key; give the private key/],
    [
      "holds a set of one public key",
      JSON.stringify({ keys: [b.publicJwk] }),
      /KEY_FILE key 1 is public only/,
    ],
    ["gives a served kid to another key", textOf(testKey("a")), /kid of its own/],
  ])(
    "that %s changes nothing, is reported once, and is followed again when it is fixed",
    async (_name, text, reason) => {
      await writeFile(path, text);
      await look();
      const rejected = await look();
      expect(rejected.kind === "rejected" && rejected.faults.join("\n")).toMatch(reason);
      expect([signs(), served()]).toEqual(["a", ["a"]]);
      expect(await look()).toEqual({ kind: "same" });
      await writeFile(path, textOf(b, a));
      await look();
      expect(await look()).toEqual({ kind: "changed" });
    },
  );

  test("that was removed changes nothing, is reported once, and is followed when it is back", async () => {
    await rm(path);
    await look();
    const rejected = await look();
    expect(rejected.kind === "rejected" && rejected.faults.join("\n")).toMatch(/does not exist \(ENOENT\)/);
    expect(await look()).toEqual({ kind: "same" });
    expect([signs(), served()]).toEqual(["a", ["a"]]);
    await writeFile(path, textOf(b, a));
    await look();
    expect(await look()).toEqual({ kind: "changed" });
  });

  test("that is removed a second time is reported a second time", async () => {
    const lookAfterRemoval = async (): Promise<string> => {
      await rm(path);
      await look();
      return (await look()).kind;
    };
    expect(await lookAfterRemoval()).toBe("rejected");
    await writeFile(path, textOf(b, a));
    await look();
    expect(await look()).toEqual({ kind: "changed" });
    expect(await lookAfterRemoval()).toBe("rejected");
  });

  test("that was overwritten in place with as many bytes, and given its old time back, is followed", async () => {
    // Whole seconds, which can be put back to the nanosecond.
    await utimes(path, 1_700_000_000, 1_700_000_000);
    await follow();
    const before = await stat(path, { bigint: true });
    await writeFile(path, textOf(b));
    await utimes(path, 1_700_000_000, 1_700_000_000);
    const after = await stat(path, { bigint: true });
    expect([after.ino, after.size, after.mtimeNs]).toEqual([before.ino, before.size, before.mtimeNs]);
    await look();
    expect(await look()).toEqual({ kind: "changed" });
    expect(served()).toEqual(["a", "b"]);
  });

  test("that changed between its reading at boot and the first look is followed", async () => {
    const mark = await fileMark(path);
    look = keyFileFollower({ clock, keys, setting: "KEY_FILE", path, rules }, mark);
    await writeFile(path, textOf(b, a));
    await look();
    expect(await look()).toEqual({ kind: "changed" });
  });
});
