import type { Reach } from "../callers/fetch-document.ts";
import type { StoredRevocation } from "../ledger/revocation/revocation-store.ts";
import { SELECTOR_KINDS } from "../ledger/revocation/selector.ts";

/** What an event is about: what a revocation names, or that one was taken back. */
export const EVENT_KINDS = [...SELECTOR_KINDS, "undo"] as const satisfies readonly StoredRevocation["kind"][];
export type EventKind = (typeof EVENT_KINDS)[number];

/** Who is sent events. */
export interface EventReceiver {
  /** Names it in the store, the log and the metrics: what it has got is remembered under this name. */
  readonly name: string;
  /** It may hold a token: it is not logged. */
  readonly url: string;
  /** The `aud` of its events. */
  readonly audience: string;
  readonly reach: Reach;
  /** PEM certificates of the authorities that are trusted in place of the machine's; `undefined`: the machine's. */
  readonly caPem: string | undefined;
  /** The file of a bearer token that is sent along, read at each try; `undefined`: none is sent. */
  readonly bearerFile: string | undefined;
  readonly kinds: readonly EventKind[];
  /** Whether events say why, in the words of the operator. */
  readonly hasReasons: boolean;
}

/** The receiver that the settings make. */
export const SETTINGS_RECEIVER = "default";

/** The `aud` of a receiver that names none: where its URL leads, without the path, which may hold a token. */
export function audienceOf(url: string): string {
  return new URL(url).origin;
}
