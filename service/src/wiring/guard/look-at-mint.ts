import { FeedFailure } from "../../guard/feed/feed-failure.ts";
import { FollowedMint } from "../../guard/feed/followed-mint.ts";
import type { Machine } from "../../kernel/machine.ts";
import { type FeedNames, feedFailureLine } from "../words/feed-failure-words.ts";
import { askMint, type MintPlace, SIZE_MAX } from "./follow-mint.ts";

/** What one look at a mint brought. */
export type MintLook =
  | {
      readonly kind: "followed";
      readonly epoch: number;
      /** How many tokens and subjects are stopped. */
      readonly revoked: number;
      /** How far the clock of the mint is ahead of this one. */
      readonly clockOffsetSeconds: number;
    }
  /** Why, and the fix: one line. */
  | { readonly kind: "failed"; readonly line: string };

/** Follows a mint once, from the beginning, as a guard does at its start. Rejects only for bugs. */
export async function lookAtMint(place: MintPlace, names: FeedNames, machine: Machine): Promise<MintLook> {
  const { clock, stopwatch } = machine;
  const mint = new FollowedMint({
    ask: askMint(place, machine),
    clock,
    stopwatch,
    issuer: place.issuer,
    staleAfterMs: place.staleSeconds * 1_000,
    sizeMax: SIZE_MAX,
    wentBack: () => undefined,
  });
  try {
    await mint.poll();
  } catch (thrown) {
    if (!(thrown instanceof FeedFailure)) throw thrown;
    return { kind: "failed", line: feedFailureLine(thrown, names) };
  }
  const { epoch, size } = mint.revocations;
  return { kind: "followed", epoch, revoked: size, clockOffsetSeconds: mint.clockOffsetSeconds ?? 0 };
}
