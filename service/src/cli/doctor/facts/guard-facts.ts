import { attempt } from "../../../config/config-error.ts";
import { type FileFacts, lookAtFile } from "../../../files/file-facts.ts";
import type { EpochSeconds } from "../../../kernel/clock.ts";
import { feedNames, type LoadedGuard, loadGuard } from "../../../wiring/guard/load-guard.ts";
import { lookAtMint, type MintLook } from "../../../wiring/guard/look-at-mint.ts";
import type { World } from "../../terminal/world.ts";
import type { GradedEnvironment } from "./configuration-facts.ts";

/** Everything that the rules of a guard of its own process look at. */
export interface GuardFacts {
  readonly environment: GradedEnvironment;
  readonly guard: GuardRead;
  readonly userId: number | undefined;
  readonly now: EpochSeconds;
}

export type GuardRead =
  | { readonly kind: "rejected"; readonly faults: readonly string[] }
  | {
      readonly kind: "read";
      readonly loaded: Pick<LoadedGuard, "settings" | "warnings" | "place">;
      /** The file of the credential; `undefined`: it is gone meanwhile. */
      readonly tokenFile: FileFacts | undefined;
      readonly mint: MintLook;
    };

/** Reads settings and files as a start of `guard serve` would, and follows the mint once. Rejects only for bugs. */
export async function gatherGuard(world: World, environment: GradedEnvironment): Promise<GuardFacts> {
  const base = { environment, userId: world.userId, now: world.clock.now() };
  const read = await attempt(() => loadGuard(environment.values));
  if (read.kind === "faulty") return { ...base, guard: { kind: "rejected", faults: read.faults } };
  const loaded = read.value;
  const { place, labels } = loaded;
  const tokenFile = await lookAtFile(place.tokenFile);
  const mint = await lookAtMint(place, feedNames(labels), world);
  return { ...base, guard: { kind: "read", loaded, tokenFile, mint } };
}
