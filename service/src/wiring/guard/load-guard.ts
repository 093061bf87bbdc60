import { attempt, ConfigError, faultsOf } from "../../config/config-error.ts";
import { readGuardSettings } from "../../config/environment.ts";
import type { Labels } from "../../config/source.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import { readSettingFile } from "../read-secret.ts";
import type { FeedNames } from "../words/feed-failure-words.ts";
import type { MintPlace } from "./follow-mint.ts";

/** What a guard of its own process starts with. */
export interface LoadedGuard extends LoadedSettings {
  readonly place: MintPlace;
}

/** The settings and the files that they name. Throws `ConfigError` with every fault at once. */
export async function loadGuard(environment: Parameters<typeof readGuardSettings>[0]): Promise<LoadedGuard> {
  const { faults, ...read } = readGuardSettings(environment);
  const { settings, labels } = read;
  const { url, tokenFile, caFile, staleSeconds } = settings.mint;
  const file = (setting: "mint.caFile" | "mint.tokenFile", path: string | undefined) =>
    attempt(async () => (path === undefined ? undefined : readSettingFile(labels.of(setting), path)));
  const [ca, token] = [await file("mint.caFile", caFile), await file("mint.tokenFile", tokenFile)];
  const all = [...faults, ...faultsOf(ca), ...faultsOf(token)];
  if (all.length > 0 || url === undefined || tokenFile === undefined || ca.kind !== "done")
    throw new ConfigError(all);
  const { issuer } = settings.tokens;
  return { ...read, place: { url, tokenFile, ca: ca.value, staleSeconds, issuer } };
}

/** What the settings are called that a failed poll advises to change. */
export function feedNames(labels: Pick<Labels, "of">): FeedNames {
  return {
    url: labels.of("mint.url"),
    tokenFile: labels.of("mint.tokenFile"),
    caFile: labels.of("mint.caFile"),
    issuer: labels.of("tokens.issuer"),
  };
}
