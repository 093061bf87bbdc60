/**
 * Why a store cannot be used now.
 *
 * | Reason | |
 * |---|---|
 * | `unreachable` | no connection, no TLS, no answer in time, or a server that is starting or stopping |
 * | `rejected` | this user, its password or its rights are not accepted |
 * | `unsuitable` | what answers, or what is there, is not a place for this service's tables |
 * | `read_only` | it accepts no writes: a standby, or a file system that is mounted so |
 * | `full` | its disk, memory or number of connections is used up |
 * | `busy` | others hold what is needed, or conflicted at every try |
 * | `unconfirmed` | a change may have been made or not |
 * | `moved` | the files are not the ones that are open: removed, replaced, emptied, cut short |
 * | `failed` | the engine failed in another way |
 */
export type StoreOutage =
  | "unreachable"
  | "rejected"
  | "unsuitable"
  | "read_only"
  | "full"
  | "busy"
  | "unconfirmed"
  | "moved"
  | "failed";

/** The store cannot be used, or not in time. No change is known to have been made, so the same work may be tried again. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
  readonly reason: StoreOutage;

  /** `detail`: what the engine found, as codes for the log. It holds no host, user, password or row. An adapter adds facts of its own. */
  constructor(reason: StoreOutage, detail: string = reason) {
    super(detail);
    this.reason = reason;
  }
}

/**
 * The engine rejects a statement of this service as it is written: a bug. Trying again changes nothing, and nothing was changed. The
 * message is for the log; it holds no value of a row.
 */
export class StatementRejected extends Error {
  override readonly name = "StatementRejected";
}

/**
 * The location of the store, or what is there, is not for this program, and stays so until the operator changes one of them. An adapter
 * adds the facts; the message has their codes only.
 */
export class StoreUnusable extends Error {
  override readonly name = "StoreUnusable";
}

/** What is not as this service wrote it. */
export type StoreDamage =
  /** A row does not have the tag that belongs to it. `kid` is the text of the row, which may be altered itself. */
  | { readonly what: "row_altered"; readonly table: string; readonly kid: string }
  /** The set does not have the tag that belongs to it: a row was added, removed or put back to an older state. */
  | { readonly what: "set_altered"; readonly table: string }
  /** The private part of a key does not open. */
  | { readonly what: "key_unopened"; readonly kid: string }
  /** A row holds what this service never writes. */
  | { readonly what: "row_unreadable"; readonly table: string }
  | { readonly what: "row_missing"; readonly table: string }
  /** The engine finds its own file damaged; `detail` is what it says. */
  | { readonly what: "file_damaged"; readonly path: string; readonly detail: string };

/** What the store holds was altered, swapped or is of another key-encryption key: nothing of it is used. */
export class StoreCorrupt extends Error {
  override readonly name = "StoreCorrupt";
  readonly damage: StoreDamage;

  constructor(damage: StoreDamage) {
    super(Object.values(damage).join(" "));
    this.damage = damage;
  }
}
