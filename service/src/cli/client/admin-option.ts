import { Option } from "commander";

/** The option for a running service. */
export function adminOption(): Option {
  return new Option("--admin <URL>", "work through the admin listener of a running service");
}
