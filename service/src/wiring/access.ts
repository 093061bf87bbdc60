import type { LoadedSettings } from "../config/sources.ts";
import type { Secret } from "../kernel/secret.ts";
import type { LoadedAccess } from "./access/access-directory.ts";

const OPEN: LoadedAccess = {
  mode: "off",
  followed: [],
  registry: { issuers: [], callers: [], clientCas: [] },
  files: [],
  open: () => ({
    directory: undefined,
    look: () => Promise.resolve(),
    loops: [],
    limits: { isLocal: () => undefined, watch: () => undefined, close: () => undefined },
  }),
};

/**
 * Who may call, and what each may have minted. Without callers nothing of it is loaded; while it is off, a document is not even
 * read, so that a mistake in it cannot keep a service down. `adminToken`: of the admin listener, which no caller may have as its secret.
 * Throws `ConfigError` with every fault at once.
 */
export async function loadAccess(
  read: Pick<LoadedSettings, "settings" | "labels">,
  adminToken: Secret | undefined,
): Promise<LoadedAccess> {
  if (read.settings.access.mode === "off") return OPEN;
  const { loadCallers } = await import("./access/load-callers.ts");
  return loadCallers(read, adminToken);
}
