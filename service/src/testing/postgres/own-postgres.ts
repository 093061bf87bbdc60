import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onPostgresAt } from "./postgres-server.ts";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("../../../../tools/postgres.sh", import.meta.url));
const CHANGE_TRIES = 100;

/** A PostgreSQL of a test's own, whose settings it may change. */
export interface OwnPostgres {
  /** As its superuser, in the clear. */
  readonly url: string;
  /** Puts a file into the server's own folder, for its user only. */
  write(name: string, text: string): Promise<void>;
  /** Changes settings of the server, and waits until `holds`. */
  change(settings: Readonly<Record<string, string>>, holds: () => Promise<boolean>): Promise<void>;
  stop(): Promise<void>;
}

/** Starts one, or a hot standby of the one at this URL. Takes a few seconds. */
export async function startOwnPostgres(primary?: string): Promise<OwnPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "macp-auth-own-"));
  const how = primary === undefined ? ["start", folder] : ["standby", folder, primary];
  const { stdout } = await run("bash", [SCRIPT, ...how]);
  const url = stdout.trim();
  return {
    url,
    async write(name, text) {
      const lines = text.trimEnd().split("\n");
      const rows = lines.map((line) => `('${line.replaceAll("'", "''")}')`).join(", ");
      await onPostgresAt(url, `COPY (VALUES ${rows}) TO PROGRAM 'umask 077; cat > ${name}'`);
    },
    async change(settings, holds) {
      const statements = Object.entries(settings).map(
        ([name, value]) => `ALTER SYSTEM SET ${name} = '${value}'`,
      );
      await onPostgresAt(url, ...statements, "SELECT pg_reload_conf()");
      for (let tries = 0; !(await holds()); tries += 1) {
        if (tries === CHANGE_TRIES) throw new Error(`the server does not accept ${JSON.stringify(settings)}`);
        await pause(50);
      }
    },
    async stop() {
      await run("bash", [SCRIPT, "stop", folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
