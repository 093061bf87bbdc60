import type { LoadedSettings } from "../config/sources.ts";
import type { Secret } from "../kernel/secret.ts";
import type { Timers } from "../kernel/timers.ts";
import type { LoadedAccess, LoadedCallers } from "./access/access-directory.ts";
import type { BundlesNow } from "./access/load-callers.ts";
import { limitWarnings } from "./limits/limit-warnings.ts";

type Read = Pick<LoadedSettings, "settings" | "labels">;

const OPEN: LoadedCallers = {
  mode: "off",
  followed: [],
  registry: { issuers: [], callers: [], clientCas: [] },
  files: [],
  hasLimits: false,
  open: () => ({
    directory: undefined,
    look: () => Promise.resolve(),
    receivers: () => [],
    loops: [],
    limits: {
      isLocal: () => undefined,
      overflows: () => new Map(),
      watch: () => undefined,
      close: () => undefined,
    },
  }),
};

/**
 * Who may call, and what each may have minted. Without callers nothing of it is loaded; while it is off, a document is not even
 * read, so that a mistake in it cannot keep a service down. `adminToken`: of the admin listener, which no caller may have as its secret.
 * `bundles`: of the SPIFFE agent, where one is named. `timers`: of a service. Throws `ConfigError` with every fault at once.
 */
export async function loadAccess(
  read: Read,
  adminToken: Secret | undefined,
  bundles?: BundlesNow,
  timers?: Timers,
): Promise<LoadedAccess> {
  const loaded = await loadDeclared(read, adminToken, bundles, timers);
  return { ...loaded, warnings: limitWarnings(read.labels, loaded.hasLimits) };
}

async function loadDeclared(
  read: Read,
  adminToken: Secret | undefined,
  bundles: BundlesNow | undefined,
  timers: Timers | undefined,
): Promise<LoadedCallers> {
  if (read.settings.access.mode === "off") return OPEN;
  const { loadCallers } = await import("./access/load-callers.ts");
  return loadCallers(read, adminToken, bundles, timers);
}
