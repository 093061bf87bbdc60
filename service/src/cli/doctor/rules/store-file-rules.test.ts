import { chmod, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { epochSeconds } from "../../../kernel/clock.ts";
import { lookAtStoreFile, mountOf, type StoreFileFacts } from "../../../wiring/look-at-store-file.ts";
import { storeFileIsPrivate, storeHasAPlace, storeIsOnLocalDisk } from "./store-file-rules.ts";

const PATH = "/data/keys.db";
const AROUND = { path: PATH, folder: "/data", fileFault: undefined, folderFault: undefined, freeBytes: 1 };

function caseOf(store: Partial<StoreFileFacts>) {
  return {
    store: { path: PATH, file: undefined, companions: [], around: AROUND, mount: undefined, ...store },
    userId: 1000,
  };
}

const fileOf = (mode: number) => ({
  path: PATH,
  mode,
  ownerId: 1000,
  modifiedAt: epochSeconds(0),
  folders: [],
});

describe("a SQLite store", () => {
  test.each([
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "9p",
    "virtiofs",
    "vboxsf",
    "ceph",
    "glusterfs",
    "lustre",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse",
  ])("on %s fails: its memory and locks end at the machine", (type) => {
    const [finding] = storeIsOnLocalDisk(caseOf({ mount: { point: "/data", type } }));
    expect(finding).toMatchObject({ grade: "fail", check: "store-file-system" });
    expect(finding?.found).toContain(`${PATH} is on ${type} (mounted at /data)`);
    expect(finding?.fix).toBe("use a file on a local disk, or postgres://");
  });

  test.each(["ext4", "xfs", "btrfs", "zfs", "f2fs", "fuse.mergerfs", "bcachefs"])("on %s is fine", (type) => {
    expect(storeIsOnLocalDisk(caseOf({ mount: { point: "/", type } }))).toMatchObject([{ grade: "ok" }]);
  });

  test.each([
    ["tmpfs", /lost when the machine restarts/],
    ["overlay", /the root of a container: all keys are lost with it/],
    ["fuse.fuse-overlayfs", /the root of a container/],
  ])("on %s is a warning: it is lost with its container or at a restart", (type, found) => {
    expect(storeIsOnLocalDisk(caseOf({ mount: { point: "/", type } }))).toMatchObject([
      { grade: "warn", found: expect.stringMatching(found) as string },
    ]);
  });

  test("that is mounted as a single file fails: -wal and -shm stay outside", () => {
    expect(storeIsOnLocalDisk(caseOf({ mount: { point: PATH, type: "ext4" } }))).toMatchObject([
      { grade: "fail", fix: "mount its folder" },
    ]);
  });

  test("is not judged where the system does not say what is mounted", () => {
    expect(storeIsOnLocalDisk(caseOf({}))).toEqual([]);
  });

  test("that every user can use fails, and so does one of its companions", () => {
    expect(storeFileIsPrivate(caseOf({ file: fileOf(0o600) }))).toMatchObject([{ grade: "ok" }]);
    expect(storeFileIsPrivate(caseOf({ file: fileOf(0o660) }))).toMatchObject([{ grade: "ok" }]);
    expect(storeFileIsPrivate(caseOf({ file: fileOf(0o644) }))).toMatchObject([
      { grade: "fail", fix: `chmod 600 ${PATH}; the next start does so too` },
    ]);
    const companions = [{ path: `${PATH}-wal`, mode: 0o644 }];
    expect(storeFileIsPrivate(caseOf({ file: fileOf(0o600), companions }))).toMatchObject([
      { grade: "fail", found: `every user of this machine can use ${PATH}-wal (mode 0644)` },
    ]);
  });

  test("whose file can be written and whose folder cannot fails, and the line names the folder", () => {
    const around = { ...AROUND, folderFault: "EACCES" };
    expect(storeHasAPlace(caseOf({}))).toMatchObject([{ grade: "ok" }]);
    expect(storeHasAPlace(caseOf({ around }))).toMatchObject([
      { grade: "fail", found: expect.stringContaining("in the folder /data (EACCES)") as string },
    ]);
  });
});

describe("the mount of a path", () => {
  const MOUNTINFO = String.raw`22 27 0:21 / / rw,relatime - ext4 /dev/vda rw
23 22 0:22 / /data rw shared:1 - nfs4 server:/export rw,vers=4.2
24 23 0:23 / /data/local rw master:2 propagate_from:3 - xfs /dev/vdb rw
25 22 0:24 / /with\040blank rw - tmpfs tmpfs rw
26 22 0:25 / /over rw - ext4 /dev/vdc rw
27 26 0:26 / /over rw - overlay overlay rw
a line that says nothing`;

  test.each([
    ["/etc/keys.db", { point: "/", type: "ext4" }],
    ["/data/keys.db", { point: "/data", type: "nfs4" }],
    ["/database/keys.db", { point: "/", type: "ext4" }],
    ["/data/local/keys.db", { point: "/data/local", type: "xfs" }],
    ["/with blank/keys.db", { point: "/with blank", type: "tmpfs" }],
    ["/over/keys.db", { point: "/over", type: "overlay" }],
  ])("of %s is the deepest one, and of two at one place the later", (path, mount) => {
    expect(mountOf(MOUNTINFO, path)).toEqual(mount);
  });

  test("is unknown where there is no such list", () => {
    expect(mountOf("", "/data/keys.db")).toBeUndefined();
  });
});

describe("the look at a store's place", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "doctor-store-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("finds the files behind a symbolic link, opens none, and makes none", async () => {
    const path = join(folder, "keys.db");
    await writeFile(path, "");
    await writeFile(`${path}-wal`, "");
    await chmod(`${path}-wal`, 0o640);
    await symlink(path, join(folder, "link.db"));
    const facts = await lookAtStoreFile(join(folder, "link.db"));
    expect(facts.companions).toEqual([{ path: `${path}-wal`, mode: 0o640 }]);
    expect(facts.file).toBeDefined();
    expect(facts.around).toMatchObject({ fileFault: undefined, folderFault: undefined });

    const none = await lookAtStoreFile(join(folder, "none.db"));
    expect(none).toMatchObject({ file: undefined, companions: [], mount: facts.mount });
    expect((await lookAtStoreFile(join(folder, "no", "keys.db"))).around.folderFault).toBe("ENOENT");
  });

  test.runIf(process.platform === "linux")("knows the kind of the mount", async () => {
    expect((await lookAtStoreFile(folder)).mount?.type).toMatch(/^[a-z0-9._-]+$/);
  });
});
