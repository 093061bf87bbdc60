import type { KeyDirectory, KeyUsage } from "../keys/key-directory.ts";
import type { KeySetDeps } from "../keys/managed/change-key-set.ts";
import type { ManagedKeys } from "../keys/managed/managed-keys.ts";

/** Work that is done again and again while the service runs. */
export interface UpkeepLoop {
  /** As the log names it when a round fails. */
  readonly name: string;
  readonly everyMs: number;
  run(): Promise<void>;
}

/** The keys, and their upkeep. */
export interface Custody {
  readonly directory: KeyDirectory;
  /** Who counts what the keys are used for; `undefined` when nothing does. */
  readonly usage: KeyUsage | undefined;
  /**
   * One round of all upkeep, before the service listens and after an operation. Never rejects: what goes wrong is logged, and the
   * loops try again.
   */
  upkeep(): Promise<void>;
  /** What goes on while the service runs. */
  readonly loops: readonly UpkeepLoop[];
  close(): Promise<void>;
  /** Reports to a watcher what upkeep finds wrong. */
  watch(watcher: UpkeepWatcher): void;
  /** What an operator may look at and change; `undefined` when the keys are given from outside. */
  readonly managed: ManagedCustody | undefined;
}

export interface UpkeepWatcher {
  alarm(kind: string): void;
  storeFailed(): void;
  /** So many fetches of the JWKS were not written down. */
  fetchesDropped(count: number): void;
}

export interface ManagedCustody extends KeySetDeps {
  readonly keys: ManagedKeys;
}

/** How often files, and what this replica may do, are looked at. */
export const LOOK_MS = 1_000;
