import { Option } from "commander";
import { caFileOption } from "./ca-file.ts";

/** The admin listener that a person names. */
export interface AdminAddress {
  readonly admin: string;
  readonly caFile?: string | undefined;
}

/** The options for a running service. */
export function adminOptions(): readonly [admin: Option, caFile: Option] {
  const admin = new Option("--admin <URL>", "work through the admin listener of a running service");
  return [admin, caFileOption()];
}
