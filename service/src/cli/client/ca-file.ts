import { Option } from "commander";
import { readSmallInput } from "../../files/small-file.ts";
import { insistOnText } from "../input/setting.ts";
import { couldNot } from "../terminal/command-end.ts";
import { shown } from "../terminal/shown.ts";

/** The option for a service whose certificate no authority of the system issued. */
export function caFileOption(): Option {
  return new Option(
    "--ca-file <FILE>",
    "the authority of an https address, PEM (default: those that Node knows)",
  );
}

/** The authorities of that file, PEM; `undefined`: those that Node knows. Throws for a file that holds none. */
export async function authoritiesIn(caFile: string | undefined): Promise<string | undefined> {
  if (caFile === undefined) return undefined;
  insistOnText("--ca-file", caFile);
  const text = await readSmallInput(caFile);
  if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  throw couldNot(`${shown(caFile)} holds no certificate; name a PEM file with a CERTIFICATE block`);
}
