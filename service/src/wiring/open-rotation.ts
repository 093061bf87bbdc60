import { ConfigError } from "../config/config-error.ts";
import type { ManagedSource, SecretSource } from "../config/settings.ts";
import type { Labels } from "../config/source.ts";
import { DEFAULT_KEY_SET } from "../kernel/ids.ts";
import type { Machine } from "../kernel/machine.ts";
import type { Random } from "../kernel/random.ts";
import { StoreCorrupt, StoreUnusable } from "../kernel/store-faults.ts";
import {
  KEK_BYTES,
  type KekFault,
  type KeyEncryptionKeys,
  keksOf,
  parseKeks,
} from "../keys/custody/key-encryption-keys.ts";
import { localCustody } from "../keys/custody/local.ts";
import { type Sealing, sealingWith } from "../keys/custody/sealing.ts";
import type { KeySetDeps } from "../keys/managed/change-key-set.ts";
import { keyStore } from "../stores/key-store.ts";
import { type OpenDatabase, openDatabase, type StoreAccess, type StoreWarning } from "../stores/open.ts";
import type { FetchesDropped } from "../stores/sql/key-store.ts";
import { rowTags } from "../stores/sql/row-tags.ts";
import type { LoadContext } from "./key-sources/key-source.ts";
import { readSecret } from "./read-secret.ts";
import { damageText } from "./words/corruption-line.ts";
import { placeWarningText } from "./words/sqlite-fault-words.ts";
import { storeFaultLine } from "./words/store-fault-words.ts";

/** What an opened store reports while it is used. */
export interface StoreReports {
  /** Gets what the operator should know of the store, a line each. */
  readonly warn: (message: string) => void;
  readonly fetchesDropped?: FetchesDropped;
  readonly destroyFailed?: KeySetDeps["destroyFailed"];
}

export interface OpenOptions extends StoreReports, Pick<Machine, "clock" | "random"> {
  /** What may be done to the store; `make` when left out. */
  readonly access?: StoreAccess;
}

/** What rotation needs, with the process's database under it: closing that closes all. */
export interface OpenRotation extends KeySetDeps {
  readonly database: OpenDatabase;
  /** Encrypts other keys as those of the set are. */
  readonly sealing: Sealing;
}

/** Opens the store of managed keys. Throws `ConfigError` when the settings do not lead to one; a store that is down is no fault of theirs. */
export async function openRotation(
  { keys: { alg, leadSeconds, timing }, labels }: Pick<LoadContext, "keys" | "labels">,
  { store: location, periodSeconds, gate }: ManagedSource,
  keks: KeyEncryptionKeys,
  options: OpenOptions,
): Promise<OpenRotation> {
  const warn = (warning: StoreWarning): void => {
    options.warn(placeWarningText(warning));
  };
  const database = await openDatabase(location, { ...options, warn }).catch((thrown: unknown) => {
    const setting = labels.of("keys.store");
    if (thrown instanceof StoreUnusable) throw new ConfigError([`${setting}: ${storeFaultLine(thrown)}`]);
    if (!(thrown instanceof StoreCorrupt)) throw thrown;
    throw new ConfigError([`${setting}: ${damageText(thrown.damage)}; restore the store from a backup`]);
  });
  const keySet = DEFAULT_KEY_SET;
  const store = keyStore(database, { keySet, tags: rowTags(keks), ...options });
  const custody = localCustody({ keks, keySet });
  const { destroyFailed } = options;
  return {
    database,
    sealing: sealingWith(keks),
    store,
    custody,
    ...(destroyFailed && { destroyFailed }),
    rules: { alg, periodSeconds, leadSeconds, timing, gate },
  };
}

/** The key-encryption keys of the settings; without any, as for `memory:`, one that is forgotten with the process. Throws `ConfigError`. */
export async function openKeks(
  kek: SecretSource | undefined,
  labels: Labels,
  random: Random,
): Promise<KeyEncryptionKeys> {
  if (kek === undefined) return keksOf([random.bytes(KEK_BYTES)]);
  const text = await readSecret(kek, labels);
  const keks = parseKeks(text.reveal());
  if (typeof keks === "string") throw new ConfigError([`${labels.of(kek.setting)} ${KEK_FAULTS[keks]}`]);
  return keksOf(keks);
}

const WHICH_KEK =
  "give the key that the store was made with, or for a new store make one with: macp-auth kek generate";
/** What each fault of key-encryption keys is, and the fix: the end of a line that begins with the setting. */
const KEK_FAULTS: Readonly<Record<KekFault, string>> = {
  "not-32-bytes": `must hold keys of 32 bytes as base64url or hex; ${WHICH_KEK}`,
  "one-byte-repeated": `holds a key that is one byte repeated; ${WHICH_KEK}`,
  "same-key-twice": "holds the same key twice; remove one",
};
