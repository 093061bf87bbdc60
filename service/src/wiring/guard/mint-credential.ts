import { bearerIn } from "../../callers/fetch-document.ts";
import { FileFault } from "../../files/file-fault.ts";
import { readSmallFile } from "../../files/small-file.ts";
import { FeedFailure } from "../../guard/feed/feed-failure.ts";
import type { Stopwatch } from "../../kernel/clock.ts";
import type { Secret } from "../../kernel/secret.ts";
import { whyUnusable } from "../words/file-fault-words.ts";

/** The credential that a guard sends, from a file whose text changes with time. */
export interface MintCredential {
  /** Rejects with `FeedFailure`. */
  read(): Promise<Secret>;
  /** It was rejected: the file is read again at once. */
  forget(): void;
}

const READ_EVERY_SECONDS = 10;

export function mintCredential(path: string, stopwatch: Stopwatch): MintCredential {
  let known: { readonly secret: Secret; readonly readAt: number } | undefined;
  return {
    async read() {
      const now = stopwatch.elapsed();
      if (known !== undefined && now - known.readAt < READ_EVERY_SECONDS) return known.secret;
      const secret = bearerIn(await textOf(path));
      if (secret === undefined)
        throw new FeedFailure("credential_unreadable", "holds no credential; put one line with it there");
      known = { secret, readAt: now };
      return secret;
    },
    forget() {
      known = undefined;
    },
  };
}

async function textOf(path: string): Promise<string> {
  try {
    return await readSmallFile(path);
  } catch (thrown) {
    if (thrown instanceof FileFault) throw new FeedFailure("credential_unreadable", whyUnusable(thrown));
    throw thrown;
  }
}
