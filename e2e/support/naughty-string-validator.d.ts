declare module "naughty-string-validator" {
  /** The Big List of Naughty Strings. */
  export function getNaughtyStringList(): readonly string[];
}
