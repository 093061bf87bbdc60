import { keyStoreContract } from "../../testing/contracts/key-store-contract.ts";
import { memoryPlace } from "../../testing/store-places.ts";

keyStoreContract("memory", memoryPlace);
