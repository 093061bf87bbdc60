import { fileFollower } from "../../files/follow.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { LiveKeys } from "../../keys/given/live-keys.ts";
import { type FileChangeRules, planFileChange } from "../../keys/given/plan-file-change.ts";
import { signersFor } from "../../keys/given/signers-for.ts";
import { importKeys } from "../../keys/import/import-key.ts";
import { fileFaultLine } from "../words/file-fault-words.ts";
import { fileChangeFaultWords, importFaultWords } from "../words/key-fault-words.ts";

export interface FollowDeps {
  readonly clock: Clock;
  readonly keys: LiveKeys;
  /** The setting that names the file. */
  readonly setting: string;
  readonly path: string;
  readonly rules: FileChangeRules;
}

/** What one look at the key file led to. */
export type KeyFileLook =
  | { readonly kind: "same" }
  | { readonly kind: "changed" }
  /** The file cannot be followed: nothing changed, and the operator must know why. */
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

/** A function that looks at the key file once and puts its change in force. `markAtStart`: of the file that the keys in force are from. */
export function keyFileFollower(deps: FollowDeps, markAtStart: string): () => Promise<KeyFileLook> {
  const look = fileFollower(deps.path, markAtStart, (text) => putInForce(deps, text));
  return async () => {
    const seen = await look();
    switch (seen.kind) {
      case "same":
        return seen;
      case "read":
        return seen.value;
      case "unreadable":
        return { kind: "rejected", faults: [fileFaultLine(deps.setting, seen.fault)] };
    }
  };
}

/** Plans, and replaces the ring; the signers of keys that left the file stay until those keys have retired. */
function putInForce({ clock, keys, setting, rules }: FollowDeps, text: string): KeyFileLook {
  const file = importKeys(text);
  if (file.kind === "rejected")
    return { kind: "rejected", faults: file.faults.map((fault) => `${setting} ${importFaultWords(fault)}`) };
  const now = clock.now();
  const change = planFileChange(keys.ring, file.keys, now, rules);
  if (change.kind === "rejected")
    return {
      kind: "rejected",
      faults: change.faults.map((fault) => `${setting} ${fileChangeFaultWords(fault)}`),
    };
  keys.replace(change.ring, new Map([...signersFor(file.keys), ...keys.signersThatMaySign(now)]));
  return { kind: "changed" };
}
