import { serviceLinksIn } from "./service-links.ts";

/** Variables as a process or a settings file gives them. */
export type RawEnvironment = Readonly<Record<string, string | undefined>>;

const MARK = /^\uFEFF/;

/**
 * The variables that are set to something: a blank one counts as unset. A byte order mark before a name or a value is dropped, as
 * at the beginning of a file.
 */
export function withoutBlanks(environment: RawEnvironment): Readonly<Record<string, string>> {
  const given = Object.entries(environment).flatMap(([name, value = ""]) =>
    value.trim() === "" ? [] : [[name, value.replace(MARK, "")] as const],
  );
  const isMarked = ([name]: readonly [string, string]): boolean => MARK.test(name);
  return Object.fromEntries([
    ...given.filter(isMarked).map(([name, value]) => [name.replace(MARK, ""), value]),
    ...given.filter((entry) => !isMarked(entry)),
  ]) as Record<string, string>;
}

/** The variables of the process over those of a file: one that is blank, or that is a service link, does not hide what the file says. */
export function overFile(
  environment: RawEnvironment,
  file: RawEnvironment,
): Readonly<Record<string, string>> {
  const given = withoutBlanks(environment);
  const links = serviceLinksIn(given);
  const chosen = Object.fromEntries(Object.entries(given).filter(([name]) => !links.has(name)));
  return { ...given, ...withoutBlanks(file), ...chosen };
}
