const READING: Readonly<Record<string, string>> = {
  ENOENT: "does not exist (ENOENT); check the path, and that its folder is mounted",
  ENOTDIR: "leads through something that is not a folder (ENOTDIR); check the path",
  EISDIR: "is a folder (EISDIR); name a file",
  ELOOP: "leads in a circle of symbolic links (ELOOP); check the links",
  EACCES: "may not be read by this user (EACCES); let it read the file, and pass through each folder above",
  EPERM: "may not be read by this user (EPERM); let it read the file, and pass through each folder above",
};

/** Why a file cannot be read, by the code of the system's fault, and the fix: the end of a line that begins with the file's name. */
export function whyUnreadable(code: string | undefined): string {
  return (
    READING[code ?? ""] ?? `cannot be read (${code ?? "unknown fault"}); check the path and its permissions`
  );
}
