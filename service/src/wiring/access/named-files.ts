import type { AccessText } from "../../config/access/access-schema.ts";
import type { AccessFault, Place } from "../../config/access/read-yaml.ts";
import type { FileFault } from "../../files/file-fault.ts";
import { fileFaultLine } from "../words/file-fault-words.ts";

/** The text of each file that the document names, or why it cannot be read. */
export type Files = ReadonlyMap<string, string | FileFault>;

/** Reads them all. */
export async function filesOf(
  access: AccessText,
  readFile: (path: string) => Promise<string | FileFault>,
): Promise<Files> {
  const issuers = Object.values(access.issuers).flatMap(({ keys, token_review: review }) => [
    ...(keys === "discovery" ? [] : [keyFileOf(keys), "ca_file" in keys ? keys.ca_file : undefined]),
    review?.ca_file,
  ]);
  const proofs = Object.values(access.callers).flatMap(({ proofs }) =>
    proofs.map((proof) =>
      "private_key_jwt" in proof && "jwks_file" in proof.private_key_jwt
        ? proof.private_key_jwt.jwks_file
        : undefined,
    ),
  );
  const clientCas = Object.values(access.client_cas).flatMap((ca) => [ca.ca_file, ca.crl_file]);
  const receivers = Object.values(access.events).map((receiver) => receiver.ca_file);
  const paths = new Set(
    [...issuers, ...proofs, ...clientCas, ...receivers].filter((path) => path !== undefined),
  );
  return new Map(await Promise.all([...paths].map(async (path) => [path, await readFile(path)] as const)));
}

/** The file that holds an issuer's keys. */
export function keyFileOf(keys: Exclude<AccessText["issuers"][string]["keys"], string>): string | undefined {
  if ("jwks_file" in keys) return keys.jwks_file;
  return "spiffe_bundle_file" in keys ? keys.spiffe_bundle_file : undefined;
}

/** The text of one; empty where it cannot be read, which is a fault of `place`. */
export function textOf(files: Files, path: string, place: Place, faults: AccessFault[]): string {
  const text = files.get(path);
  if (typeof text === "string") return text;
  faults.push({
    place,
    text: text === undefined ? "was not read" : `names a file: ${fileFaultLine(undefined, text)}`,
  });
  return "";
}
