import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { onPostgresAt } from "../../../service/src/testing/postgres/postgres-server.ts";
import { asRoot } from "../../support/as-root.ts";

/** The processes of a PostgreSQL: the one that accepts connections, and all that it started. */
export interface PostgresProcesses {
  /** To all of them at once. With "KILL" the server ends as its machine does. */
  signal(name: "CONT" | "KILL" | "STOP"): void;
}

/** Those of the server at a URL of its superuser. */
export async function processesOf(url: string): Promise<PostgresProcesses> {
  const [row] = await onPostgresAt(url, "SELECT pg_read_file('postmaster.pid') AS text");
  const first = Number.parseInt((row as { readonly text: string }).text, 10);
  const send = (name: string, pids: readonly number[]) => {
    // One of them may have ended.
    const words = [...(asRoot ?? []), "kill", "-s", name, ...pids.map(String)];
    spawnSync(words.join(" "), { shell: true });
  };
  return {
    signal(name) {
      // Stopped first: it would start others in place of those that end.
      if (name !== "CONT") send("STOP", [first]);
      send(name, [...childrenOf(first), first]);
    },
  };
}

function childrenOf(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${String(pid)}/task/${String(pid)}/children`, "utf8");
    return text.split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
