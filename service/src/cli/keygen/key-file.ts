import { FileFault } from "../../files/file-fault.ts";
import { changeFile, createFile } from "../../files/write-file.ts";
import type { Kid } from "../../kernel/ids.ts";
import { type Algorithm, algorithmOfKty } from "../../keys/algorithm.ts";
import { couldNot } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";
import { readKeySet, withNewFirst } from "./key-set.ts";
import { type KeyRequest, type NewKey, newKey } from "./new-key.ts";

/**
 * Writes a new file with mode 0600, whatever the umask. Throws `CommandEnd` with the fix that is given when the path exists in
 * any form, a symbolic link to nowhere included, and `FileFault`; then nothing was written.
 */
export async function createKeyFile(path: string, text: string, fixWhenThere: string): Promise<void> {
  await createFile(path, text).catch((thrown: unknown) => {
    if (thrown instanceof FileFault && thrown.kind === "exists")
      throw couldNot(`${shown(path)} exists and is never overwritten; ${fixWhenThere}`);
    throw thrown;
  });
}

/** What became of the file. */
export interface GrownFile {
  readonly key: NewKey;
  /** Of all its keys, the new one first. */
  readonly kids: readonly Kid[];
  /** Of the key that was first before. */
  readonly algBefore: Algorithm;
  /** Whether users outside the file's group could read it before, and no longer can. */
  readonly closedToOthers: boolean;
}

/**
 * Puts a new key first in a key file. Two calls at once cannot lose a key. Throws `CommandEnd` when the file is none that the service
 * would accept, and `FileFault` when it cannot be replaced; then it is as before.
 */
export async function addKeyToFile(path: string, request: KeyRequest): Promise<GrownFile> {
  const { changed, wasOpenToOthers } = await changeFile(path, async (text) => {
    const before = readKeySet(text, shown(path));
    const key = await newKey({
      ...request,
      alg: request.alg ?? (request.rsaBits === undefined ? before.alg : algorithmOfKty("RSA")),
    });
    return { ...withNewFirst(before, key, shown(path)), key, algBefore: before.alg };
  }).catch((thrown: unknown) => {
    if (thrown instanceof FileFault && thrown.kind === "unreadable" && thrown.code === "ENOENT")
      throw couldNot(
        `${shown(path)} does not exist; check the path, or make a new file with --out ${shown(path)}`,
      );
    throw thrown;
  });
  const { key, kids, algBefore } = changed;
  return { key, kids, algBefore, closedToOthers: wasOpenToOthers };
}
