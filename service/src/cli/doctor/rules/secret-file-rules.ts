import type { FileFacts, FolderFacts } from "../../../files/file-facts.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { octalMode } from "../../terminal/octal-mode.ts";
import { type Finding, fail, ok, type Rule, warn } from "../finding.ts";

/** A file with a secret, seen by the user that would serve. */
export interface SecretFileCase {
  readonly file: FileFacts;
  /** `undefined` where the system has no user numbers: there the permission bits mean nothing. */
  readonly userId: number | undefined;
  readonly now: EpochSeconds;
}

const DAY_SECONDS = 86_400;
/** NIST allows years; after a month a copied key is useless, and rotation is routine. */
const KEY_AGE_DAYS_MAX = 30;
const OTHERS_READ_OR_WRITE = 0o006;
const GROUP_WRITES = 0o020;
const GROUP_READS = 0o040;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/** Anyone who can read a key can sign as the service; anyone who can write it can replace it. */
export function secretFileIsPrivate({ file, userId }: SecretFileCase): readonly Finding[] {
  const check = "key-file-mode";
  if (userId === undefined) return [];
  const facts = `${file.path} has mode ${octalMode(file.mode)}`;
  const fix = `chmod 600 ${file.path}`;
  if ((file.mode & (OTHERS_READ_OR_WRITE | GROUP_WRITES)) !== 0)
    return [fail(check, `${facts}: other users can read or change it`, fix)];
  if ((file.mode & GROUP_READS) === 0) return [ok(check, facts)];
  // A mounted secret belongs to root, and the service can only read it through its group.
  if (file.ownerId === 0 && userId !== 0)
    return [
      warn(
        check,
        `${facts} and belongs to root: every member of its group can read it`,
        "use a group that only this service is in",
      ),
    ];
  return [fail(check, `${facts}: every member of its group can read it`, fix)];
}

/** Anyone who can write the access document can let themselves mint; there is no secret in it to read. */
export function documentIsWrittenByUs({ file, userId }: SecretFileCase): readonly Finding[] {
  const check = "access-file-mode";
  if (userId === undefined) return [];
  const facts = `${file.path} has mode ${octalMode(file.mode)}`;
  if ((file.mode & (OTHERS_WRITE | GROUP_WRITES)) === 0) return [ok(check, facts)];
  return [fail(check, `${facts}: other users can change who may mint`, `chmod go-w ${file.path}`)];
}

/** The owner of a file can always read and replace it. */
export function secretFileIsOurs({ file, userId }: SecretFileCase): readonly Finding[] {
  const check = "key-file-owner";
  if (userId === undefined) return [];
  const owner = `${file.path} belongs to ${userName(file.ownerId)}`;
  if (isTrusted(file.ownerId, userId)) return [ok(check, owner)];
  if (userId === 0) return [warn(check, `${owner}, seen as root`, "run the service and doctor as that user")];
  return [fail(check, `${owner}, who can read and replace it`, `chown ${String(userId)} ${file.path}`)];
}

/** Anyone who can rename entries of a folder above the file can replace the key. One finding: the worst folder, the nearest first. */
export function foldersAreOurs({ file, userId }: SecretFileCase): readonly Finding[] {
  if (userId === undefined) return [];
  const findings = file.folders.flatMap((folder) => judgedFolder(folder, file.path, userId));
  const worst = findings.find(({ grade }) => grade === "fail") ?? findings[0];
  return [worst ?? ok("key-folder", `nobody else can replace ${file.path}`)];
}

/** The time of the file's last change is used as the age of its newest key. */
export function keyIsYoung({ file, now }: SecretFileCase): readonly Finding[] {
  const check = "key-age";
  const days = Math.max(0, Math.floor((now - file.modifiedAt) / DAY_SECONDS));
  const facts = `${file.path} last changed ${String(days)} ${days === 1 ? "day" : "days"} ago`;
  if (days <= KEY_AGE_DAYS_MAX) return [ok(check, facts)];
  return [warn(check, facts, `rotate: macp-auth keygen --add-to ${file.path}`)];
}

function judgedFolder(folder: FolderFacts, path: string, userId: number): readonly Finding[] {
  const check = "key-folder";
  const facts = `${folder.path} (mode ${octalMode(folder.mode)}, ${userName(folder.ownerId)})`;
  if (!isTrusted(folder.ownerId, userId)) {
    const found = `${facts} belongs to another user, who can replace ${path}`;
    if (userId === 0) return [warn(check, found, "run the service and doctor as that user")];
    return [fail(check, found, "move it into a folder of this user or of root")];
  }
  // In a sticky folder only the owner of an entry may rename it.
  if ((folder.mode & STICKY) !== 0 && isTrusted(folder.entryOwnerId, userId)) return [];
  if ((folder.mode & OTHERS_WRITE) !== 0)
    return [
      fail(
        check,
        `${facts} can be written by every user, and any of them can replace ${path}`,
        `chmod go-w ${folder.path}`,
      ),
    ];
  if ((folder.mode & GROUP_WRITES) !== 0)
    return [
      warn(
        check,
        `${facts} can be written by its group, and any member can replace ${path}`,
        `chmod g-w ${folder.path}`,
      ),
    ];
  return [];
}

function isTrusted(ownerId: number, userId: number): boolean {
  return ownerId === 0 || ownerId === userId;
}

function userName(userId: number): string {
  return userId === 0 ? "root" : `user ${String(userId)}`;
}

/** For any file with a secret in it. */
export const SECRET_FILE_RULES: readonly Rule<SecretFileCase>[] = [
  secretFileIsPrivate,
  secretFileIsOurs,
  foldersAreOurs,
];

/** For the access document. */
export const ACCESS_DOCUMENT_RULES: readonly Rule<SecretFileCase>[] = [
  documentIsWrittenByUs,
  secretFileIsOurs,
  foldersAreOurs,
];
