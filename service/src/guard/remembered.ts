import { hash } from "node:crypto";
import type { EpochSeconds } from "../kernel/clock.ts";
import type { OwnKeys } from "../tokens/own-keys.ts";
import { TOKEN_BYTES_MAX } from "../tokens/token-size.ts";
import {
  notLive,
  type OwnToken,
  readOwnToken,
  standingOf,
  type Verified,
  type VerifyDeps,
} from "../tokens/verify.ts";

/** How many verified tokens are remembered, and how long their texts may be together. */
export interface Room {
  readonly tokensMax: number;
  readonly charsMax: number;
}

/** About 25 MB when full of ordinary tokens: bench/guard.mjs. */
const ROOM: Room = { tokensMax: 50_000, charsMax: 64 * 1_024 * 1_024 };
/** How many of the least lately used are looked at for each new one. */
const LOOKED_AT = 2;

interface Remembered {
  readonly token: OwnToken;
  /** The keys that were served when its signature was verified: with others it is verified again. */
  readonly keys: OwnKeys;
  readonly chars: number;
}

/**
 * `verify`, with the signatures of tokens verified once: what is remembered is only that a text is a token of ours, under its SHA-256,
 * while the same keys are served. Whether it has expired or was revoked, and whether that is known at all, is looked at on every call.
 */
export function rememberedVerify(deps: VerifyDeps, room: Room = ROOM): (text: string) => Promise<Verified> {
  const tokens = new RememberedTokens(room);
  return async (text) => {
    if (text.length > TOKEN_BYTES_MAX) return notLive("too_large");
    const keys = deps.ownKeys();
    if (keys === undefined) return { kind: "unavailable", reason: "no_keys" };
    const digest = hash("sha256", text, "base64url");
    const known = tokens.find(digest, keys);
    if (known !== undefined) {
      if (known.claims.exp > deps.clock.now()) return standingOf(deps, known);
      tokens.forget(digest);
      return notLive("expired");
    }
    const read = await readOwnToken({ ...deps, ownKeys: () => keys }, text);
    if (read.kind !== "own") return read;
    tokens.remember(digest, { token: read.token, keys, chars: text.length }, deps.clock.now());
    return standingOf(deps, read.token);
  };
}

/** The tokens by digest, those that were used last at the end. */
class RememberedTokens {
  readonly #byDigest = new Map<string, Remembered>();
  readonly #room: Room;
  #chars = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  find(digest: string, keys: OwnKeys): OwnToken | undefined {
    const found = this.#byDigest.get(digest);
    if (found?.keys !== keys) return undefined;
    this.#byDigest.delete(digest);
    this.#byDigest.set(digest, found);
    return found.token;
  }

  remember(digest: string, remembered: Remembered, now: EpochSeconds): void {
    this.forget(digest);
    this.#byDigest.set(digest, remembered);
    this.#chars += remembered.chars;
    let looked = 0;
    for (const [oldest, { token }] of this.#byDigest) {
      const isFull = this.#byDigest.size > this.#room.tokensMax || this.#chars > this.#room.charsMax;
      if (!isFull && looked >= LOOKED_AT) break;
      if (isFull || token.claims.exp <= now) this.forget(oldest);
      looked += 1;
    }
  }

  forget(digest: string): void {
    this.#chars -= this.#byDigest.get(digest)?.chars ?? 0;
    this.#byDigest.delete(digest);
  }
}
