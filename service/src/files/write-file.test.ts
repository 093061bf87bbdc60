import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { changeFile, createFile, replaceFile } from "./write-file.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "macp-auth-write-"));
  path = join(folder, "file");
});
afterEach(() => rm(folder, { recursive: true }));

const modeOf = async (): Promise<number> => (await stat(path)).mode & 0o777;

test("a new file and one that takes another's place are only for their owner, whatever the umask", async () => {
  const before = process.umask(0);
  try {
    await createFile(path, "one");
    expect(await modeOf()).toBe(0o600);
    await chmod(path, 0o666);
    await replaceFile(path, "two");
    expect(await modeOf()).toBe(0o600);
  } finally {
    process.umask(before);
  }
  expect(await readFile(path, "utf8")).toBe("two");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("a new file never takes the place of another, a symbolic link to nowhere included", async () => {
  await writeFile(path, "mine");
  await symlink(join(folder, "nowhere"), join(folder, "link"));
  for (const there of [path, join(folder, "link")])
    await expect(createFile(there, "x")).rejects.toMatchObject({ kind: "exists", path: there });
  expect(await readFile(path, "utf8")).toBe("mine");
  expect(await readdir(folder)).toEqual(["file", "link"]);
});

test("a file is replaced although an earlier call was interrupted and left its draft", async () => {
  await writeFile(`${path}.new`, "half of it");
  await replaceFile(path, "whole");
  expect(await readFile(path, "utf8")).toBe("whole");
});

test("a change returns whether other users had access, and removes that access", async () => {
  await writeFile(path, "one");
  await chmod(path, 0o644);
  const add = (more: string) => changeFile(path, (text) => Promise.resolve({ text: `${text} ${more}` }));
  expect(await add("two")).toMatchObject({ changed: { text: "one two" }, wasOpenToOthers: true });
  expect([await modeOf(), await readFile(path, "utf8")]).toEqual([0o640, "one two"]);
  expect(await add("three")).toMatchObject({ wasOpenToOthers: false });
});

test("a change that throws leaves the file as it was and no draft", async () => {
  await writeFile(path, "one");
  await expect(changeFile(path, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await readFile(path, "utf8")).toBe("one");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("of two changes at once, one is made and the other is rejected", async () => {
  await writeFile(path, "");
  const add = (text: string) => changeFile(path, (before) => Promise.resolve({ text: before + text }));
  const outcomes = await Promise.allSettled([add("a"), add("b")]);
  const done = outcomes.filter(({ status }) => status === "fulfilled");
  expect(await readFile(path, "utf8")).toHaveLength(done.length);
  for (const outcome of outcomes)
    if (outcome.status === "rejected")
      expect(outcome.reason).toMatchObject({ kind: "locked", path: `${path}.new` });
});

test("what is not a plain file is not changed, and a pipe is not waited for", async () => {
  await symlink(path, join(folder, "link"));
  await mkdir(join(folder, "inner"));
  const same = (text: string) => Promise.resolve({ text });
  await expect(changeFile(join(folder, "link"), same)).rejects.toMatchObject({ kind: "symbolic-link" });
  await expect(changeFile(join(folder, "inner"), same)).rejects.toMatchObject({ kind: "not-regular" });
  await expect(changeFile(path, same)).rejects.toMatchObject({ kind: "unreadable", code: "ENOENT" });
  execFileSync("mkfifo", [path]);
  await expect(changeFile(path, same)).rejects.toMatchObject({ kind: "not-regular", path });
  expect((await readdir(folder)).filter((name) => name.endsWith(".new"))).toEqual([]);
});

test("a folder that is not there is a fault with the path of the file", async () => {
  const absent = join(folder, "absent", "file");
  await expect(replaceFile(absent, "x")).rejects.toMatchObject({
    kind: "unwritable",
    path: absent,
    code: "ENOENT",
  });
});
