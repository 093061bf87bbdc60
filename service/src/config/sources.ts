import { ConfigError } from "./config-error.ts";
import { faultsAcross } from "./faults-across.ts";
import { faultsOfTraces } from "./faults-of-traces.ts";
import {
  type KeySource,
  keySourcesOf,
  type SettingPath,
  type Settings,
  settingsOf,
  Written,
} from "./settings.ts";
import type { Labels, SettingsGiven, Source } from "./source.ts";
import { warningsAbout } from "./warnings.ts";

/** Settings that can be run with, and what the operator should know of them, a line each. */
export interface LoadedSettings {
  readonly settings: Settings;
  readonly labels: Labels;
  readonly warnings: readonly string[];
}

/** What the sources say, valid or not. With a fault, the settings serve only to check what else is given, never to run the service. */
export interface SettingsRead extends LoadedSettings {
  readonly faults: readonly string[];
  /** The key sources that are named, of which only one may be; the first is the one of the settings. */
  readonly keySources: readonly [KeySource, ...KeySource[]];
}

/** Reads the settings as far as they can be read, with every fault that they have by themselves. Of two sources that give one setting, the first wins. */
export function readSources(
  sources: readonly [Source, ...Source[]],
  faultsBetween: typeof faultsAcross = faultsAcross,
): SettingsRead {
  const given = new Map(sources.toReversed().flatMap((source) => [...source.given]));
  const { data, error } = Written.safeParse(nested(given));
  const issues = error?.issues ?? [];
  const broken = new Set(issues.map(({ path }) => path.join(".")));
  const written = data ?? Written.parse(nested(new Map([...given].filter(([path]) => !broken.has(path)))));
  const labels: Labels = {
    of: (setting) => given.get(setting)?.label ?? sources[0].nameOf(setting),
    isBlank: (setting) => !given.has(setting) && sources.some(({ blank }) => blank.includes(setting)),
    isGiven: (setting) => given.has(setting),
    areRead: (...settings) => settings.every((setting) => !broken.has(setting)),
  };
  const settings = settingsOf(written, labels.isGiven);
  return {
    settings,
    labels,
    keySources: keySourcesOf(written, labels.isGiven),
    warnings: [...warningsAbout(settings, labels), ...sources.flatMap(({ warnings }) => warnings)],
    faults: [
      ...issues.map(({ path, message }) => `${labels.of(path.join(".") as SettingPath)} ${message}`),
      ...faultsBetween(settings, labels),
      ...(settings.traces === undefined ? [] : faultsOfTraces(written.traces, labels)),
    ],
  };
}

/** Reads the settings. Throws `ConfigError` with every fault at once. */
export function loadSources(sources: readonly [Source, ...Source[]]): LoadedSettings {
  const { faults, ...loaded } = readSources(sources);
  if (faults.length > 0) throw new ConfigError(faults);
  return loaded;
}

/** The texts by group and place, as the schema reads them. */
function nested(given: SettingsGiven): Record<string, Record<string, string>> {
  const inGroup = (group: string) =>
    [...given]
      .filter(([setting]) => setting.startsWith(`${group}.`))
      .map(([setting, { text }]) => [setting.slice(group.length + 1), text] as const);
  return Object.fromEntries(
    Object.keys(Written.shape).map((group) => [group, Object.fromEntries(inGroup(group))]),
  );
}
