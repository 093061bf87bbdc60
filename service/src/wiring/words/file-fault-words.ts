import type { FileFault } from "../../files/file-fault.ts";
import { printablePath } from "../../files/printable-path.ts";
import { printable } from "../../kernel/printable.ts";

const READING: Readonly<Record<string, string>> = {
  ENOENT: "does not exist (ENOENT); check the path, and that its folder is mounted",
  ENOTDIR: "leads through something that is not a folder (ENOTDIR); check the path",
  EISDIR: "is a folder (EISDIR); name a file",
  ELOOP: "leads in a circle of symbolic links (ELOOP); check the links",
  EACCES: "may not be read by this user (EACCES); let it read the file, and pass through each folder above",
  EPERM: "may not be read by this user (EPERM); let it read the file, and pass through each folder above",
};

const OTHERWISE = {
  "not-regular": "is not a regular file; name a file, not a folder, a pipe or a device",
  exists: "exists and is never overwritten; choose another name",
  "symbolic-link": "is a symbolic link, which is not followed; name the file behind it",
  locked: "exists: another call is changing the file, or was cut off; wait for it, or remove this file",
} as const;

/** Why a file cannot be used, and the fix: the end of a line that begins with the file's name. */
export function whyUnusable({ kind, code = "unknown fault" }: Pick<FileFault, "kind" | "code">): string {
  switch (kind) {
    case "unreadable":
      return READING[code] ?? `cannot be read (${code}); check the path and its permissions`;
    case "unwritable":
      return code === "EPERM"
        ? "belongs to another user (EPERM); run as that user"
        : `cannot be written (${code}); correct the path or its permissions`;
    case "too-large":
      return `is larger than ${code}; name a smaller file`;
    default:
      return OTHERWISE[kind];
  }
}

/** The whole line for a file that a setting names. A path that leads to something is shown, whatever it looks like; any other may be a secret. */
export function fileFaultLine(setting: string | undefined, fault: FileFault): string {
  const leadsNowhere = fault.kind === "unreadable" || fault.kind === "unwritable";
  const path = leadsNowhere ? printablePath(fault.path) : printable(fault.path);
  return `${setting === undefined ? "" : `${setting}: `}${path} ${whyUnusable(fault)}`;
}
