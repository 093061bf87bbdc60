import { sqlitePlace } from "../../testing/store-places.ts";
import { storedKeysContract } from "../../testing/stored-keys-contract.ts";

storedKeysContract("SQLite", sqlitePlace);
