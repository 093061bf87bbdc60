import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const POSTGRES = fileURLToPath(new URL("../../../tools/postgres.sh", import.meta.url));
const run = promisify(execFile);

/** A kind of store that replicas share. */
export interface StoryStore {
  readonly name: string;
  /** Whether a server ends the transaction of a client that hangs. A file stays locked until the client continues or ends. */
  readonly isServer: boolean;
  /** Makes an empty one; `undefined` where this machine has none. */
  open(): Promise<OpenStore | undefined>;
}

interface OpenStore {
  readonly url: string;
  /** Leaves nothing behind. */
  remove(): Promise<void>;
}

export const STORES: readonly StoryStore[] = [
  { name: "SQLite file", isServer: false, open: sqliteFile },
  { name: "PostgreSQL", isServer: true, open: postgresServer },
];

async function sqliteFile(): Promise<OpenStore> {
  const directory = await newDirectory();
  return { url: `sqlite:${join(directory, "keys.db")}`, remove: () => rm(directory, { recursive: true }) };
}

/** A throw-away PostgreSQL; `undefined` where none is installed. */
export async function postgresServer(): Promise<OpenStore | undefined> {
  const directory = await newDirectory();
  try {
    const { stdout } = await run("bash", [POSTGRES, "start", directory]);
    const remove = async (): Promise<void> => {
      await run("bash", [POSTGRES, "stop", directory]);
    };
    return { url: stdout.trim(), remove };
  } catch {
    await rm(directory, { recursive: true, force: true });
    return undefined;
  }
}

function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "macp-auth-story-"));
}
