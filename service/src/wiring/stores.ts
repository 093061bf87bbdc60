import type { StoreLocation } from "../kernel/store-location.ts";
import { type DatabaseFacts, lookAtDatabase } from "./look-at-database.ts";
import { lookAtStoreFile, type StoreFileFacts } from "./look-at-store-file.ts";

/** What each part of the program needs of a kind of store, apart from its driver. A new kind is a row here and in stores/open.ts. */
export interface WiredStore {
  /** Whether what it holds ends with the process, so that no other process can reach it. */
  readonly endsWithProcess: boolean;
  /** The file that a command must find, since opening would make it. */
  readonly file: string | undefined;
  /** How it looks where it is. Writes nothing. Rejects only for bugs. */
  look(): Promise<StoreFacts | undefined>;
}

export type StoreFacts =
  | ({ readonly kind: "file" } & StoreFileFacts)
  | ({ readonly kind: "database" } & DatabaseFacts);

/** The table of the kinds of stores. */
export function wiredStore(location: StoreLocation): WiredStore {
  switch (location.kind) {
    case "memory":
      return { endsWithProcess: true, file: undefined, look: () => Promise.resolve(undefined) };
    case "sqlite":
      return {
        endsWithProcess: false,
        file: location.path,
        look: async () => ({ kind: "file", ...(await lookAtStoreFile(location.path)) }),
      };
    case "postgres":
      return {
        endsWithProcess: false,
        file: undefined,
        look: async () => ({ kind: "database", ...(await lookAtDatabase(location)) }),
      };
  }
}
