import { execFileSync, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asRoot, runAsRoot } from "../../support/as-root.ts";

/** Whether this user may mount one: it takes root, a loop device, mkfs.ext4 and python3. */
export const mayMount =
  asRoot !== undefined &&
  ["mkfs.ext4", "python3"].every((tool) => spawnSync(tool, ["-V"]).error === undefined) &&
  spawnSync([...asRoot, "losetup", "-f"].join(" "), { shell: true }).status === 0;

/**
 * Ends a file system as a power cut ends it: what was not flushed is lost (EXT4_IOC_SHUTDOWN with NOLOGFLUSH). The processes are stopped
 * in the same moment, in the middle of whatever they do: a machine without power answers nobody, and the kernel may report to a flush that
 * was under way that it succeeded.
 */
const CUT =
  "import os,fcntl,struct,sys,signal; f=os.open(sys.argv[1],0); os.killpg(int(sys.argv[2]),signal.SIGSTOP); fcntl.ioctl(f,0x8004587D,struct.pack('I',2))";

/** An ext4 disk of its own, in a file, which any user may write. */
export interface LoopDisk {
  /** Where it is mounted. */
  readonly path: string;
  /** Waits until all that was written is on it. */
  flush(): void;
  /** The power fails for the disk and for a group of processes, which is stopped. Nothing can be read or written until `restart`. */
  cutPower(group: number): void;
  /** An error of the disk: the kernel makes it read-only, also for files that are open, until `restart`. */
  becomeReadOnly(): void;
  /** Whatever writes to it waits until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Mounts it again, checked and repaired as at the start of a machine. Nobody may have a file of it open. */
  restart(how?: "ro" | "rw"): void;
  /** Ends "ro", also while files of it are open. */
  makeWritable(): void;
  remove(): Promise<void>;
}

/** Makes one of so many megabytes. */
export async function loopDisk(megabytes = 64): Promise<LoopDisk> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-disk-"));
  const [image, cut, path] = [join(folder, "image"), join(folder, "image-at-the-cut"), join(folder, "disk")];
  const mount = (how: "ro" | "rw") => {
    runAsRoot("mount", "-o", `${how},errors=remount-ro`, device, path);
  };
  let isCut = false;
  await mkdir(path);
  execFileSync("truncate", ["-s", `${String(megabytes)}M`, image]);
  runAsRoot("mkfs.ext4", "-q", "-F", image);
  // The device stays writable where the file system is not.
  let device = asked("losetup", "--find", "--show", image);
  mount("rw");
  // The folders above it too: a server of root's runs as another user.
  runAsRoot("chmod", "0777", path);
  runAsRoot("chmod", "0755", folder);
  return {
    path,
    flush() {
      runAsRoot("sync", "--file-system", path);
    },
    cutPower(group) {
      runAsRoot("python3", "-c", CUT, path, String(group));
      // To unmount it may write what a machine without power would not.
      runAsRoot("cp", "--sparse=always", image, cut);
      isCut = true;
    },
    becomeReadOnly() {
      const trigger = `/sys/fs/ext4/${device.replace("/dev/", "")}/trigger_fs_error`;
      runAsRoot("sh", "-c", `echo "a test" > ${trigger}`);
    },
    freeze() {
      runAsRoot("fsfreeze", "--freeze", path);
    },
    thaw() {
      runAsRoot("fsfreeze", "--unfreeze", path);
    },
    restart(how = "rw") {
      // Processes that were killed may have its files open for another moment.
      runAsRoot("sh", "-c", `for try in $(seq 100); do umount ${path} && exit; sleep 0.2; done; exit 1`);
      if (isCut) {
        runAsRoot("losetup", "--detach", device);
        runAsRoot("mv", cut, image);
        device = asked("losetup", "--find", "--show", image);
        isCut = false;
      }
      // 1: it found errors, and corrected them.
      const { status } = spawnSync([...(asRoot ?? []), "e2fsck", "-p", device].join(" "), { shell: true });
      if (status !== 0 && status !== 1) throw new Error(`e2fsck ended with ${String(status)}`);
      mount(how);
    },
    makeWritable() {
      runAsRoot("mount", "-o", "remount,rw", path);
    },
    async remove() {
      spawnSync([...(asRoot ?? []), "umount", "--lazy", path].join(" "), { shell: true });
      // It goes with its last user.
      runAsRoot("losetup", "--detach", device);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function asked(...words: readonly string[]): string {
  const [command = "true", ...rest] = [...(asRoot ?? []), ...words];
  return execFileSync(command, rest, { encoding: "utf8" }).trim();
}
