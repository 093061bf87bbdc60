import { z } from "zod";
import { AccessText } from "./access-schema.ts";
import { type AccessFault, readYaml } from "./read-yaml.ts";

export type AccessRead =
  | {
      readonly kind: "read";
      readonly access: AccessText;
      /** A fault that was found later, as a line with its place in the document. */
      readonly lineOf: (fault: AccessFault) => string;
    }
  /** A line for each fault: `FILE:LINE:COLUMN place: text`. */
  | { readonly kind: "rejected"; readonly faults: readonly string[] };

/** Reads an access document. `file` is how the document is named in a fault. */
export function readAccess(file: string, text: string): AccessRead {
  const read = readYaml(file, text, AccessText, "docs/access.md");
  return read.kind === "read" ? { kind: "read", access: read.value, lineOf: read.lineOf } : read;
}

/** The document as a JSON Schema (draft 2020-12), for editors. */
export function accessJsonSchema(): object {
  return z.toJSONSchema(AccessText, { io: "input", unrepresentable: "any" });
}
