import { join, resolve } from "node:path";
import { Command } from "commander";
import { readSettings } from "../config/environment.ts";
import { exists, lookAtFolder } from "../files/file-facts.ts";
import { makeFolder } from "../files/write-file.ts";
import { newKek } from "./kek.ts";
import { createKeyFile } from "./keygen/key-file.ts";
import { shellWord } from "./keygen/shell-word.ts";
import { couldNot, wrongCall } from "./terminal/command-end.ts";
import { jsonOption, printJson } from "./terminal/json.ts";
import { octalMode } from "./terminal/octal-mode.ts";
import { shown } from "./terminal/shown.ts";
import type { World } from "./terminal/world.ts";

const ADMIN_TOKEN_BYTES = 32;
const FOR_OTHERS = 0o077;
const OTHER_FOLDER = "choose another folder";
/** Characters that end or change a quoted value of the settings file. */
const UNQUOTABLE = /["\\\p{Cc}\u2028\u2029\uFFFD]/u;

/** `macp-auth init DIR`: a configuration that is ready to run with managed keys. */
export function initCommand(world: World): Command {
  return new Command("init")
    .description(
      "write a configuration that is ready to run: an embedded store, automatic key rotation, secrets with mode 0600",
    )
    .argument("<DIR>", "a new folder, or one without these files")
    .addOption(jsonOption())
    .action(async (given: string, { json }: { json?: true }) => {
      const folder = folderOf(given);
      const environment = await writeConfiguration(folder, world);
      const start = `macp-auth serve --settings ${shellWord(environment)}`;
      if (json) printJson(world, { folder, environment, start });
      else {
        world.out(
          `${shown(folder)} holds the settings, the secrets and, after the first start, the keys. Store a copy of kek apart from keys.db.\n\n`,
        );
        world.out(`Start it with:\n  ${start}\n`);
      }
    });
}

/** The absolute path of the folder. Throws `CommandEnd` when the settings file could not name what is in it. */
function folderOf(given: string): string {
  if (given === "") throw wrongCall("DIR is empty; name a folder, such as conf");
  const folder = resolve(given);
  if (UNQUOTABLE.test(folder))
    throw wrongCall(
      `${shown(folder)} has a quotation mark, a backslash or a control character in its path, which a settings file cannot hold; choose another name`,
    );
  const [fault] = readSettings({
    MACP_AUTH_STORE_URL: `sqlite:${join(folder, "keys.db")}`,
    MACP_AUTH_KEK_FILE: join(folder, "kek"),
  }).faults;
  if (fault !== undefined)
    throw wrongCall(`${shown(folder)} cannot hold the store: ${fault}; choose another name`);
  return folder;
}

/** Writes the folder, 0700, and its files, 0600. Overwrites nothing. Gives the path of the environment file. */
async function writeConfiguration(folder: string, world: World): Promise<string> {
  await makeFolder(folder);
  await insistOwn(folder, world);
  const names = ["kek", "admin-token", "macp-auth.env"];
  for (const name of names) await insistAbsent(join(folder, name));
  await warnOfMode(folder, world);
  await keepOutOfGit(folder, world);
  await createKeyFile(join(folder, "kek"), `${newKek(world.random)}\n`, OTHER_FOLDER);
  await createKeyFile(
    join(folder, "admin-token"),
    `${world.random.bytes(ADMIN_TOKEN_BYTES).toString("base64url")}\n`,
    OTHER_FOLDER,
  );
  const environment = join(folder, "macp-auth.env");
  await createKeyFile(environment, environmentText(folder), OTHER_FOLDER);
  return environment;
}

/** A folder that was there already must be this user's, and nobody else may put files into it. */
async function insistOwn(folder: string, { userId }: World): Promise<void> {
  const { isFolder, ownerId, mode } = await lookAtFolder(folder);
  const own = isFolder && (userId === undefined || ownerId === userId) && (mode & 0o022) === 0;
  if (!own)
    throw couldNot(
      `${shown(folder)} belongs to another user, is a link, or can be written by others; choose another folder`,
    );
}

/** The mode of an existing folder is its owner's choice: it stays, with a warning when others can look in. */
async function warnOfMode(folder: string, world: World): Promise<void> {
  const { mode } = await lookAtFolder(folder);
  if ((mode & FOR_OTHERS) === 0) return;
  world.err(
    `macp-auth: warning: ${shown(folder)} exists with mode ${octalMode(mode)}, so others can look into it; to prevent that: chmod 700 ${shellWord(folder)}\n`,
  );
}

/** Git ignores a folder that holds only these files. Other files in it may belong in a repository. */
async function keepOutOfGit(folder: string, world: World): Promise<void> {
  if ((await lookAtFolder(folder)).isEmpty)
    await createKeyFile(join(folder, ".gitignore"), "*\n", OTHER_FOLDER);
  else
    world.err(
      `macp-auth: warning: ${shown(folder)} holds other files, so no .gitignore was written; do not commit its secrets\n`,
    );
}

async function insistAbsent(path: string): Promise<void> {
  if (await exists(path)) throw couldNot(`${shown(path)} exists and is never overwritten; ${OTHER_FOLDER}`);
}

function environmentText(folder: string): string {
  return `# Settings of macp-auth-service. docs/configuration.md describes every one of them.

# Where to listen. Anyone who reaches this address can mint any identity, so the default is this machine only.
PORT=3200
HOST=127.0.0.1

# The iss and aud of every token. Set the same values for the runtime.
MACP_AUTH_ISSUER=macp-auth-service
MACP_AUTH_AUDIENCE=macp-runtime
MACP_AUTH_SIGNING_ALG=ES256

# The service makes, stores and rotates its signing keys here.
MACP_AUTH_STORE_URL="sqlite:${join(folder, "keys.db")}"
MACP_AUTH_KEY_ROTATION_SECONDS=604800

# Encrypts the stored private keys. Without it they are lost: store a copy apart from the database.
MACP_AUTH_KEK_FILE="${join(folder, "kek")}"

# Remembers the newest key set, so that an older backup of the store is rejected.
MACP_AUTH_KEY_VERSION_FILE="${join(folder, "key-version")}"

# As set for your runtimes: MACP_AUTH_JWKS_TTL_SECS, and the grace of one hour.
MACP_AUTH_VERIFIER_JWKS_TTL_SECONDS=300
MACP_AUTH_VERIFIER_STALE_GRACE_SECONDS=3600

# Readiness, metrics and key operations, for operators on this machine.
MACP_AUTH_ADMIN_PORT=3201
MACP_AUTH_ADMIN_TOKEN_FILE="${join(folder, "admin-token")}"
`;
}
