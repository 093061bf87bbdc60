import type { KeySource } from "../../config/settings.ts";
import { keysFromJwk } from "./given-keys.ts";
import { givenUpkeep } from "./given-upkeep.ts";
import type { WiredKeySource } from "./key-source.ts";

/** A key that stands in the settings themselves. */
export function env({ jwk }: Extract<KeySource, { readonly kind: "env" }>): WiredKeySource {
  return {
    followed: [],
    endsWithProcess: false,
    secretFiles: [],
    advise: ({ labels }) => ({
      found: `the key is in ${labels.of("keys.jwk")}: tools that show the environment show it, and a new key needs a restart, after which earlier tokens are rejected`,
      fix: `put it into a file and set ${labels.of("keys.file")}`,
    }),
    load: (context) => {
      const { keys, labels } = context;
      const given = keysFromJwk(labels.of("keys.jwk"), jwk.reveal(), context);
      return Promise.resolve({
        given,
        open: (log, machine) => Promise.resolve(givenUpkeep(given, keys, log, machine)),
      });
    },
  };
}
