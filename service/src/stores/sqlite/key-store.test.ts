import { storedKeysContract } from "../../testing/contracts/stored-keys-contract.ts";
import { sqlitePlace } from "../../testing/store-places.ts";

storedKeysContract("SQLite", sqlitePlace);
