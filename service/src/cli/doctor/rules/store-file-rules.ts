import { faultOfPlace } from "../../../stores/sqlite/surroundings.ts";
import type { StoreFileFacts } from "../../../wiring/look-at-store-file.ts";
import { wordsOfPlace } from "../../../wiring/words/sqlite-fault-words.ts";
import { octalMode } from "../../terminal/octal-mode.ts";
import { type Finding, fail, ok, type Rule, warn } from "../finding.ts";

/** A SQLite store, seen by the user that would serve. */
export interface StoreFileCase {
  readonly store: StoreFileFacts;
  /** `undefined` where the system has no user numbers: there the permission bits mean nothing. */
  readonly userId: number | undefined;
}

/** File systems of other machines or of the host, as Linux names them. `-shm` is one memory and locks are kept only within one machine. */
const NETWORK =
  /^(?:nfs\d?|cifs|smb\d?|smbfs|9p|virtiofs|vboxsf|prl_fs|vmhgfs|ceph|glusterfs|lustre|gpfs|beegfs|orangefs|pvfs2|ocfs2|gfs2|afs|coda|ncpfs|davfs2?|fuse(?:\..*)?)$/;
/** FUSE file systems that keep their files on this machine. */
const LOCAL_FUSE = /^fuse\.(?:fuse-overlayfs|mergerfs|gocryptfs|encfs|ntfs-3g|lxcfs|zfs.*)$/;
const IN_MEMORY = /^(?:tmpfs|ramfs)$/;
const OF_A_CONTAINER = /^(?:overlay|aufs|fuse\.fuse-overlayfs)$/;

/** SQLite needs the memory and the locks of one machine, and a store must outlive it. */
export function storeIsOnLocalDisk({ store: { path, mount } }: StoreFileCase): readonly Finding[] {
  const check = "store-file-system";
  if (mount === undefined) return [];
  const { point, type } = mount;
  if (point === path)
    return [
      fail(
        check,
        `${path} is mounted as a single file: its -wal and -shm files, which hold part of the data, are outside the mount`,
        "mount its folder",
      ),
    ];
  if (OF_A_CONTAINER.test(type))
    return [
      warn(
        check,
        `${path} is on ${type}, the root of a container: all keys are lost with it`,
        "mount a volume for its folder",
      ),
    ];
  if (IN_MEMORY.test(type))
    return [
      warn(
        check,
        `${path} is on ${type}: all keys are lost when the machine restarts`,
        "use a file on a disk",
      ),
    ];
  if (NETWORK.test(type) && !LOCAL_FUSE.test(type))
    return [
      fail(
        check,
        `${path} is on ${type} (mounted at ${point}): SQLite's shared memory and locks do not work across machines, and acknowledged changes can be lost`,
        "use a file on a local disk, or postgres://",
      ),
    ];
  return [ok(check, `${path} is on ${type}`)];
}

const OTHERS = 0o007;

/** Anyone who writes the files can put old keys back; anyone who reads them has the sealed keys and the verifiers' addresses. */
export function storeFileIsPrivate({
  store: { path, file, companions },
  userId,
}: StoreFileCase): readonly Finding[] {
  const check = "store-file-mode";
  if (userId === undefined || file === undefined) return [];
  const open = [file, ...companions].filter(({ mode }) => (mode & OTHERS) !== 0);
  if (open.length === 0) return [ok(check, `${path} has mode ${octalMode(file.mode)}`)];
  const names = open.map((one) => `${one.path} (mode ${octalMode(one.mode)})`).join(" and ");
  const fix = `chmod 600 ${open.map((one) => one.path).join(" ")}; the next start does so too`;
  return [fail(check, `every user of this machine can use ${names}`, fix)];
}

/** The store can be opened and written where it is. */
export function storeHasAPlace({ store: { path, around } }: StoreFileCase): readonly Finding[] {
  const check = "store-place";
  const place = faultOfPlace(around);
  if (place === undefined) return [ok(check, `${path} and its folder can be written`)];
  const { message, fix } = wordsOfPlace(path, around.folder, place);
  return [fail(check, message, fix)];
}

export const STORE_FILE_RULES: readonly Rule<StoreFileCase>[] = [
  storeHasAPlace,
  storeIsOnLocalDisk,
  storeFileIsPrivate,
];
