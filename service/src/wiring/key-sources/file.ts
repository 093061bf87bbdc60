import type { KeySource } from "../../config/settings.ts";
import { fileMark } from "../../files/follow.ts";
import { keyFileFollower } from "./follow-key-file.ts";
import { keysFromFile } from "./given-keys.ts";
import { givenUpkeep } from "./given-upkeep.ts";
import type { WiredKeySource } from "./key-source.ts";

/** The keys of a file, which is followed. */
export function file({ path }: Extract<KeySource, { readonly kind: "file" }>): WiredKeySource {
  return {
    followed: ["keys.file"],
    endsWithProcess: false,
    secretFiles: [{ path, holds: "signing-key" }],
    advise: ({ shownPath }) => ({ found: `the file ${shownPath(path)}, which is followed` }),
    async load(context) {
      const { keys, labels } = context;
      const setting = labels.of("keys.file");
      const mark = await fileMark(path);
      const given = await keysFromFile(setting, path, context);
      return {
        given,
        open: (log, machine) =>
          Promise.resolve(
            givenUpkeep(given, keys, log, machine, (deps) =>
              keyFileFollower({ ...deps, setting, path }, mark),
            ),
          ),
      };
    },
  };
}
