import { stat } from "node:fs/promises";
import type { Clock } from "../../kernel/clock.ts";
import { ConfigError } from "../../kernel/faults.ts";
import { importKeys } from "../import/import-key.ts";
import type { LiveKeys } from "./live-keys.ts";
import { signersFor } from "./load-keys.ts";
import { type FileChangeRules, planFileChange } from "./plan-file-change.ts";
import { readKeyFile } from "./read-key-file.ts";

export interface FollowDeps {
  readonly clock: Clock;
  readonly keys: LiveKeys;
  readonly variable: string;
  readonly path: string;
  readonly rules: FileChangeRules;
}

/** What one look at the key file led to. */
export type FileLook =
  | { readonly kind: "same" }
  | { readonly kind: "changed" }
  /** The file cannot be followed: nothing changed, and the operator must be told why. */
  | { readonly kind: "refused"; readonly faults: readonly string[] };

/**
 * A function that looks at the key file once and puts its change in force. Meant to be called about every second. A look
 * compares what the file system says of the file behind any symbolic links, so a replaced mount, a rename and an edit are
 * all seen; a change is read only when two looks agree on it, so that a half-written file is left alone.
 */
export function keyFileFollower(deps: FollowDeps, markAtBoot: string): () => Promise<FileLook> {
  let followed = markAtBoot;
  let seen = markAtBoot;
  let told: string | undefined;
  return async () => {
    const mark = await keyFileMark(deps.path);
    const settled = mark === seen;
    seen = mark;
    if (mark === followed || !settled) return { kind: "same" };
    const outcome = await follow(deps);
    // A file that cannot be read now may be readable at the next look, unchanged; told once.
    if (outcome.kind !== "unreadable") {
      followed = mark;
      told = undefined;
      return outcome;
    }
    if (told === mark) return { kind: "same" };
    told = mark;
    return { kind: "refused", faults: outcome.faults };
  };
}

/** Reads the file, plans, and replaces the ring; the signers of keys that left it stay until those keys have retired. */
async function follow(
  deps: FollowDeps,
): Promise<FileLook | { readonly kind: "unreadable"; readonly faults: readonly string[] }> {
  const text = await readKeyFile(deps.variable, deps.path).catch((thrown: unknown) => {
    if (thrown instanceof ConfigError) return thrown;
    throw thrown;
  });
  if (text instanceof ConfigError) return { kind: "unreadable", faults: text.faults };
  const file = importKeys(text);
  if (file.kind === "refused")
    return { kind: "refused", faults: file.faults.map((fault) => `${deps.variable} ${fault}`) };
  const now = deps.clock.now();
  const change = planFileChange(deps.keys.ring, file.keys, now, deps.rules);
  if (change.kind === "refused")
    return { kind: "refused", faults: change.faults.map((fault) => `${deps.variable} ${fault}`) };
  deps.keys.replace(change.ring, new Map([...signersFor(file.keys), ...deps.keys.signersThatMaySign(now)]));
  return { kind: "changed" };
}

/** Identity, size and times of the file: a text that differs whenever the file may have changed. Take it before reading. */
export async function keyFileMark(path: string): Promise<string> {
  try {
    const facts = await stat(path, { bigint: true });
    return [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(":");
  } catch {
    return "absent";
  }
}
