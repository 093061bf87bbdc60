import { keyStoreContract } from "../../testing/key-store-contract.ts";
import { memoryPlace } from "../../testing/store-places.ts";

keyStoreContract("memory", memoryPlace);
