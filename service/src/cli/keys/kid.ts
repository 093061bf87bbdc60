import { type Kid, parseKid } from "../../kernel/ids.ts";
import type { KeysReport } from "../../keys/managed/operator-shapes.ts";
import { couldNot, wrongCall } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";

/** A shorter text is more likely a typing error than the beginning of a kid. */
const BEGINNING_CHARACTERS_MIN = 4;

/** Throws `CommandEnd` for an empty kid, as of a variable that is not set: every kid begins with it. */
export function insistOnKid(given: string): void {
  if (given.trim() === "") throw wrongCall("KID is empty; name a key, see: macp-auth keys list --all");
}

/** The kid that was given in full, or by its beginning of at least four characters. Throws `CommandEnd` when that is not exactly one key. */
export function resolveKid(given: string, report: KeysReport): Kid {
  insistOnKid(given);
  const kids = report.keys.map(({ kid }) => kid).filter((kid) => kid.startsWith(given));
  if (kids.includes(given)) return insistOnValid(given);
  if (given.length < BEGINNING_CHARACTERS_MIN)
    throw wrongCall(
      `${shown(given)} is too short for the beginning of a kid; give at least ${String(BEGINNING_CHARACTERS_MIN)} characters`,
    );
  const [only, ...others] = kids;
  if (only === undefined)
    throw wrongCall(`no key has the kid ${shown(given)}; see: macp-auth keys list --all`);
  if (others.length > 0)
    throw wrongCall(`several kids begin with ${shown(given)}; give more characters of the kid`);
  return insistOnValid(only);
}

function insistOnValid(text: string): Kid {
  const kid = parseKid(text);
  if (kid === undefined) throw couldNot(`${shown(text)} is not a valid kid; check --admin`);
  return kid;
}
