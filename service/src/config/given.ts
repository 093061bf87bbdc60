import { serviceLinksIn } from "./service-links.ts";

/** Variables as a process or a settings file gives them. */
export type RawEnvironment = Readonly<Record<string, string | undefined>>;

const MARK = /^\uFEFF/;

/**
 * The variables without which anyone may mint, or everything is sent in plain. A blank one is kept, as "": somebody meant to set it, and
 * a secret or a path that did not arrive must not open the service.
 */
const GUARDS: ReadonlySet<string> = new Set([
  "MACP_AUTH_CALLER_AUTH",
  "MACP_AUTH_CONFIG_FILE",
  "MACP_AUTH_SHARED_SECRET",
  "MACP_AUTH_SHARED_SECRET_FILE",
  "MACP_AUTH_TLS_CERT_FILE",
  "MACP_AUTH_TLS_KEY_FILE",
  "MACP_AUTH_SPIFFE_SOCKET",
]);

/**
 * The variables that are set to something: a blank one counts as unset, except one that guards the service. A byte order mark before a
 * name or a value is dropped, as at the beginning of a file.
 */
export function withoutBlanks(environment: RawEnvironment): Readonly<Record<string, string>> {
  const given = Object.entries(environment).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return [];
    if (value.trim() !== "") return [[name, value.replace(MARK, "")]];
    return GUARDS.has(name.replace(MARK, "")) ? [[name, ""]] : [];
  });
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
  const chosen = Object.entries(given).filter(([name, value]) => value !== "" && !links.has(name));
  const filed = Object.entries(withoutBlanks(file)).filter(
    ([name, value]) => value !== "" || !(name in given),
  );
  return { ...given, ...Object.fromEntries(filed), ...Object.fromEntries(chosen) };
}
