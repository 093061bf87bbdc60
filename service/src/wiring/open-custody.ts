import { VARIABLES } from "../config/environment.ts";
import { faultsOf } from "../config/faults-of.ts";
import { type RawEnvironment, withoutBlanks } from "../config/given.ts";
import type { Settings } from "../config/settings.ts";
import { fileMark } from "../files/follow.ts";
import { steadyClock } from "../kernel/clock.ts";
import type { Machine } from "../kernel/machine.ts";
import { oneAtATime } from "../kernel/one-at-a-time.ts";
import { printable } from "../kernel/printable.ts";
import type { Random } from "../kernel/random.ts";
import type { Algorithm } from "../keys/algorithm.ts";
import { makeKey } from "../keys/custody/make-key.ts";
import { LiveKeys } from "../keys/given/live-keys.ts";
import { ringAtBoot } from "../keys/given/plan-file-change.ts";
import { signersFor } from "../keys/given/signers-for.ts";
import type { ImportedKey } from "../keys/import/import-key.ts";
import { overlapSeconds } from "../keys/timing.ts";
import type { Log } from "../telemetry/log.ts";
import { type Custody, LOOK_MS } from "./custody.ts";
import { keyFileFollower } from "./follow-key-file.ts";
import { keysFromFile, keysFromJwk } from "./given-keys.ts";
import { managedCustody } from "./managed-custody.ts";
import { openSealer } from "./open-rotation.ts";
import { signingKeyTeller } from "./tell-upkeep.ts";
import { readVersionFile } from "./version-file.ts";

/** Takes the keys into custody as the settings say. Throws `ConfigError` when they cannot be had. */
export async function openCustody(settings: Settings, log: Log, machine: Machine): Promise<Custody> {
  const { source: keySource, alg } = settings.keys;
  switch (keySource.kind) {
    case "ephemeral":
      return staticCustody([await makeKey(alg)], settings, log, machine);
    case "env":
      return staticCustody(
        keysFromJwk(VARIABLES["keys.jwk"], keySource.jwk.reveal(), alg),
        settings,
        log,
        machine,
      );
    case "file": {
      const mark = await fileMark(keySource.path);
      const keys = await keysFromFile(VARIABLES["keys.file"], keySource.path, alg);
      return staticCustody(keys, settings, log, machine, mark);
    }
    case "managed":
      return managedCustody(keySource, settings, log, machine);
  }
}

/** What is wrong with a given key, whatever else is wrong with the settings; empty when it is sound or none is given. `alg` undefined accepts any. */
export async function faultsOfGivenKey(
  environment: RawEnvironment,
  alg: Algorithm | undefined,
): Promise<readonly string[]> {
  const given = withoutBlanks(environment);
  const jwk = given["MACP_AUTH_SIGNING_KEY_JSON"];
  const path = given["MACP_AUTH_SIGNING_KEY_FILE"]?.trim();
  const look = async () => {
    if (jwk) keysFromJwk("MACP_AUTH_SIGNING_KEY_JSON", jwk, alg);
    if (path) await keysFromFile("MACP_AUTH_SIGNING_KEY_FILE", path, alg);
  };
  return faultsOf(look());
}

/** What is wrong with the files and secrets that managed keys need. Looks only: no store is opened, nothing is written. */
export async function faultsOfManagedKeys(
  { keys: { source: keySource } }: Settings,
  random: Random,
): Promise<readonly string[]> {
  if (keySource.kind !== "managed") return [];
  const { versionFile } = keySource;
  return [
    ...(await faultsOf(openSealer(keySource, random))),
    ...(versionFile === undefined
      ? []
      : await faultsOf(readVersionFile("MACP_AUTH_KEY_VERSION_FILE", versionFile))),
  ];
}

/** Keys that were given; a key file is followed. */
function staticCustody(
  imported: readonly ImportedKey[],
  settings: Settings,
  log: Log,
  machine: Machine,
  mark = "",
): Custody {
  const { source: keySource, alg, leadSeconds, timing } = settings.keys;
  const clock = steadyClock(machine.clock, machine.stopwatch);
  const keys = new LiveKeys(ringAtBoot(imported, clock.now()), signersFor(imported), clock);
  const rules = { alg, leadSeconds, overlapSeconds: overlapSeconds(timing) };
  const look =
    keySource.kind === "file"
      ? keyFileFollower({ clock, keys, setting: VARIABLES["keys.file"], path: keySource.path, rules }, mark)
      : undefined;
  const tellSigningKey = signingKeyTeller(keys, machine.clock, log);
  const lookAtFile = async (): Promise<void> => {
    const seen = await look?.();
    if (seen?.kind === "changed") log.info({ event: "key_file_followed", keys: ringForLog(keys) });
    if (seen?.kind === "refused")
      for (const fault of seen.faults)
        log.error({ event: "key_file_refused", message: `${fault}; the keys in force stay` });
    tellSigningKey();
  };
  const inTurn = oneAtATime();
  const keep = (): Promise<void> => inTurn(lookAtFile);
  return {
    directory: keys,
    keep,
    loops: [{ name: "given keys", everyMs: LOOK_MS, run: keep }],
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
