import type { SettingPath } from "./settings.ts";

/** One place that settings are read from. The environment is one; a document beside it is another. */
export interface Source {
  /** What it gives: each text under its setting, with the label of its place there, such as a variable's name or a line's number. */
  readonly given: SettingsGiven;
  /** The settings that it names without a value, where that is not the same as leaving them out. */
  readonly blank: readonly SettingPath[];
  /** How this source names a setting that it may not give: for advice. */
  nameOf(setting: SettingPath): string;
  /** Warnings about what else it holds, a line each. */
  readonly warnings: readonly string[];
}

export type SettingsGiven = ReadonlyMap<SettingPath, GivenText>;

interface GivenText {
  readonly text: string;
  readonly label: string;
}

/** What the settings are called where a person wrote them. */
export interface Labels {
  /** The label of the place that the setting was given in; of one that was not given, its name in the first source. */
  readonly of: (setting: SettingPath) => string;
  /** Whether a source names it without a value, and none gives it one. */
  readonly isBlank: (setting: SettingPath) => boolean;
  /** Whether it was given, readable or not. */
  readonly isGiven: (setting: SettingPath) => boolean;
  /** Whether none of these has a fault of its own, so that what they say together can be judged. */
  readonly areRead: (...settings: readonly SettingPath[]) => boolean;
}
