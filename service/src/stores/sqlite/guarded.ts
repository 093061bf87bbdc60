import { codeOf, messageOf } from "../../kernel/faults.ts";
import { resultCodeOf } from "./engine.ts";
import { SqliteFailure } from "./faults.ts";
import { lookAround } from "./surroundings.ts";

/** How Node names what the system refuses, such as EACCES. */
const SYSTEM_ERROR = /^E[A-Z0-9]+$/;

/** Runs what the engine or the file system does. Whatever it throws becomes a `SqliteFailure`, with what the file system says at this moment. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof SqliteFailure) throw thrown;
    const around = lookAround(path);
    const code = codeOf(thrown) ?? "";
    if (SYSTEM_ERROR.test(code))
      throw new SqliteFailure({
        kind: "place",
        path,
        folder: around.folder,
        place: { kind: "unseen", code },
      });
    throw new SqliteFailure({ kind: "engine", code: resultCodeOf(thrown), text: messageOf(thrown), around });
  }
}
