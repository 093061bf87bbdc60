import type { Sealing } from "../keys/custody/sealing.ts";
import type { KeyDirectory, KeyUsage } from "../keys/key-directory.ts";
import type { KeySetDeps } from "../keys/managed/change-key-set.ts";
import type { ManagedKeys } from "../keys/managed/managed-keys.ts";
import type { OpenDatabase } from "../stores/open.ts";

/** Work that is repeated while the service runs. */
export interface UpkeepLoop {
  /** The name in the log when a round fails. */
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<void>;
}

/** The keys of one source, and the work that keeps them usable. */
export interface KeyUpkeep {
  readonly directory: KeyDirectory;
  /** Counts what the keys are used for; `undefined` when nothing does. */
  readonly usage: KeyUsage | undefined;
  /**
   * One round of all work, before the service listens and after an operation. Never rejects: a fault is logged, and the loops try
   * again.
   */
  round(): Promise<void>;
  /** The work that is repeated while the service runs. */
  readonly loops: readonly UpkeepLoop[];
  close(): Promise<void>;
  /** Reports to a watcher what a round finds wrong. */
  watch(watcher: UpkeepWatcher): void;
  /** The database of the process; `undefined` when the keys need none. `close` closes it. */
  readonly database: OpenDatabase | undefined;
  /** Encrypts other keys that are stored there; `undefined` as above. */
  readonly sealing: Sealing | undefined;
  /** What an operator may read and change; `undefined` when the keys are given from outside. */
  readonly managed: OperableKeys | undefined;
}

export interface UpkeepWatcher {
  alarm(kind: string): void;
  storeFailed(): void;
  /** This number of JWKS fetches was not stored. */
  fetchesDropped(count: number): void;
}

export interface OperableKeys extends KeySetDeps {
  readonly keys: ManagedKeys;
}

/** How often files, and whether this replica may sign, are checked. */
export const LOOK_MS = 1_000;
