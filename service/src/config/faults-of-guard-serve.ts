import type { Settings } from "./settings.ts";
import type { Labels } from "./source.ts";

/** A line for each fault of what a guard of its own process needs, and of nothing else: it mints nothing. */
export function faultsOfGuardServe({ guard, mint }: Settings, { of, isGiven }: Labels): readonly string[] {
  const faults: string[] = [];
  if (guard === undefined)
    faults.push(
      `neither ${of("guard.port")} nor ${of("guard.grpcPort")} is set, so that no proxy could ask; set one`,
    );
  else if (guard.port !== undefined && guard.port !== 0 && guard.port === guard.grpcPort)
    faults.push(
      `${of("guard.grpcPort")} is the same as ${of("guard.port")}; give the guard's gRPC listener a port of its own`,
    );
  if (mint.url === undefined && !isGiven("mint.url"))
    faults.push(
      `${of("mint.url")} is not set; name the mint, such as https://auth.example.org, or use --mint URL`,
    );
  if (mint.tokenFile === undefined && !isGiven("mint.tokenFile"))
    faults.push(
      `${of("mint.tokenFile")} is not set; name a file with the credential of a caller that has guards: true at the mint`,
    );
  return faults;
}
