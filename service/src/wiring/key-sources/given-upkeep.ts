import type { KeySettings } from "../../config/settings.ts";
import { steadyClock } from "../../kernel/clock.ts";
import type { Machine } from "../../kernel/machine.ts";
import { oneAtATime } from "../../kernel/one-at-a-time.ts";
import { printable } from "../../kernel/printable.ts";
import { LiveKeys } from "../../keys/given/live-keys.ts";
import { ringAtBoot } from "../../keys/given/plan-file-change.ts";
import { signersFor } from "../../keys/given/signers-for.ts";
import type { ImportedKey } from "../../keys/import/import-key.ts";
import { overlapSeconds } from "../../keys/timing.ts";
import type { Log } from "../../telemetry/log.ts";
import { type KeyUpkeep, LOOK_MS } from "../key-upkeep.ts";
import { signingKeyReporter } from "../report-upkeep.ts";
import type { FollowDeps, KeyFileLook } from "./follow-key-file.ts";

/** The upkeep of given keys. `follow` makes the function that looks at their file; each round calls it. */
export function givenUpkeep(
  imported: readonly ImportedKey[],
  { alg, leadSeconds, timing }: KeySettings,
  log: Log,
  machine: Machine,
  follow: (deps: Omit<FollowDeps, "setting" | "path">) => () => Promise<KeyFileLook> = () => () =>
    Promise.resolve({ kind: "same" }),
): KeyUpkeep {
  const clock = steadyClock(machine.clock, machine.stopwatch);
  const keys = new LiveKeys(ringAtBoot(imported, clock.now()), signersFor(imported), clock);
  const look = follow({ clock, keys, rules: { alg, leadSeconds, overlapSeconds: overlapSeconds(timing) } });
  const reportSigningKey = signingKeyReporter(keys, log);
  const lookAtFile = async (): Promise<void> => {
    const seen = await look();
    if (seen.kind === "changed") log.info({ event: "key_file_followed", keys: ringForLog(keys) });
    if (seen.kind === "rejected")
      for (const fault of seen.faults)
        log.error({ event: "key_file_refused", message: `${fault}; the keys in force stay` });
    reportSigningKey();
  };
  const inTurn = oneAtATime();
  const round = (): Promise<void> => inTurn(lookAtFile);
  return {
    directory: keys,
    usage: undefined,
    round,
    loops: [{ name: "given keys", everyMs: LOOK_MS, run: round }],
    database: undefined,
    sealing: undefined,
    managed: undefined,
    watch: () => undefined,
    close: () => Promise.resolve(),
  };
}

function ringForLog(keys: LiveKeys): object[] {
  return keys.ring.map(({ kid, signingFrom, retiringFrom, retiredFrom }) => ({
    kid: printable(kid),
    signing_from: signingFrom,
    retiring_from: retiringFrom,
    retired_from: retiredFrom,
  }));
}
