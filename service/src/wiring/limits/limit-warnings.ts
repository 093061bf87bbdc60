import type { Labels } from "../../config/source.ts";

/** What an operator should know of the settings of limits, a line each. `hasLimits`: whether the access document that is read has any. */
export function limitWarnings({ of, isGiven }: Pick<Labels, "of" | "isGiven">, hasLimits: boolean): string[] {
  const isShared = isGiven("limits.url");
  if (hasLimits)
    return isShared && !isGiven("limits.replicas")
      ? [
          `${of("limits.url")} makes replicas share their limits, and ${of("limits.replicas")} is not set: while that server is lost, each replica admits the whole of each limit; set it to the number of replicas`,
        ]
      : [];
  return (["limits.url", "limits.replicas"] as const)
    .filter(isGiven)
    .map(
      (setting) =>
        `${of(setting)} has no effect without a section limits in the access document (${of("access.file")}): nothing is limited`,
    );
}
