import type { EpochSeconds } from "../kernel/clock.ts";
import type { Kid } from "../kernel/ids.ts";
import type { KeyView } from "./key-view.ts";

/** Port. The keys as the hot path sees them. */
export interface KeyDirectory {
  /** The view of this moment, by the directory's own clock. From memory, without waiting. */
  view(): KeyView;
}

/** Port. Counts what the keys are used for; only managed keys need it. */
export interface KeyUsage {
  /** A token with this `exp` is about to be signed with the key. */
  noteSigned(kid: Kid, exp: EpochSeconds): void;
  /** A client fetched the JWKS. */
  noteFetch(address: string, userAgent: string | undefined): void;
}
