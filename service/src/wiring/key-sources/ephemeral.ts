import { makeKey } from "../../keys/custody/make-key.ts";
import { givenUpkeep } from "./given-upkeep.ts";
import type { WiredKeySource } from "./key-source.ts";

/** What follows from keys that end with the process. */
export const ENDS_WITH_PROCESS =
  "each start makes a new key: earlier tokens are rejected, and a second instance has another key";

/** A key that is made at start. */
export const ephemeral: WiredKeySource = {
  followed: [],
  endsWithProcess: true,
  secretFiles: [],
  advise: ({ labels }) => ({
    found: `no key is set: ${ENDS_WITH_PROCESS}`,
    fix: `make one: macp-auth keygen --out FILE, and set ${labels.of("keys.file")}=FILE`,
  }),
  load: ({ keys }) =>
    Promise.resolve({
      given: undefined,
      open: async (log, machine) => givenUpkeep([await makeKey(keys.alg)], keys, log, machine),
    }),
};
