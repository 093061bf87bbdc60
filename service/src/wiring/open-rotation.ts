import type { ManagedSource, Settings } from "../config/settings.ts";
import { ConfigError } from "../kernel/faults.ts";
import type { Machine } from "../kernel/machine.ts";
import type { Random } from "../kernel/random.ts";
import { parseKeks } from "../keys/custody/key-encryption-keys.ts";
import { KEK_BYTES, type Sealer, sealerOf } from "../keys/custody/sealer.ts";
import type { KeySetDeps } from "../keys/managed/change-key-set.ts";
import { StoreCorrupt } from "../keys/managed/key-store.ts";
import type { RotationRules } from "../keys/managed/plan/rotation-rules.ts";
import { keyStore } from "../stores/key-store.ts";
import { type OpenDatabase, openDatabase, type StoreAccess } from "../stores/open.ts";
import type { FetchesDropped } from "../stores/sql/key-store.ts";
import { readSettingFile } from "./read-setting-file.ts";

/** What an opened store reports while it is used. */
export interface StoreReports {
  /** Gets what the operator should know of the store, a line each. */
  readonly warn: (message: string) => void;
  readonly fetchesDropped?: FetchesDropped;
}

export interface OpenOptions extends StoreReports, Pick<Machine, "clock" | "random"> {
  /** What may be done to the store; `make` when left out. */
  readonly access?: StoreAccess;
}

/** What rotation needs, with the process's database under it: closing that closes all. */
export interface OpenRotation extends KeySetDeps {
  readonly database: OpenDatabase;
}

/** Opens the store of managed keys with its sealer and rules. Throws `ConfigError` when the settings do not lead to one; a store that is down is no fault of theirs. */
export async function openRotation(
  settings: Settings,
  managed: ManagedSource,
  options: OpenOptions,
): Promise<OpenRotation> {
  const sealer = await openSealer(managed, options.random);
  const database = await openDatabase(managed.store, options).catch((thrown: unknown) => {
    if (!(thrown instanceof StoreCorrupt)) throw thrown;
    throw new ConfigError([`MACP_AUTH_STORE_URL: ${thrown.message}; restore the store from a backup`]);
  });
  const store = keyStore(database, { sealer, ...options });
  return { database, store, sealer, rules: rulesOf(settings, managed) };
}

/** The key-encryption keys of the settings; for `memory:` one that is forgotten with the process. Throws `ConfigError`. */
export async function openSealer({ kek }: Pick<ManagedSource, "kek">, random: Random): Promise<Sealer> {
  if (kek === undefined) return sealerOf([random.bytes(KEK_BYTES)], random);
  if (kek.kind === "text") return sealerOf(parseKeks("MACP_AUTH_KEK", kek.text.reveal()), random);
  return sealerOf(
    parseKeks("MACP_AUTH_KEK_FILE", await readSettingFile("MACP_AUTH_KEK_FILE", kek.path)),
    random,
  );
}

function rulesOf(settings: Settings, { periodSeconds, gate }: ManagedSource): RotationRules {
  return {
    alg: settings.keys.alg,
    periodSeconds,
    leadSeconds: settings.keys.leadSeconds,
    timing: settings.keys.timing,
    gate,
  };
}
