import { Option } from "commander";
import { insistOnText, settingOr } from "../input/setting.ts";
import { wrongCall } from "../terminal/command-end.ts";
import type { World } from "../terminal/world.ts";

const VARIABLE = "MACP_AUTH_SERVICE_URL";
const DEFAULT = "http://localhost:3200";

/** The option that names the running service. */
export function urlOption(): Option {
  return new Option("--url <URL>", `the running service (default: ${VARIABLE}, else ${DEFAULT})`);
}

/** The address of the running service; its path may be the prefix of a proxy. Throws for one that no request can go to. */
export function serviceUrl(option: string | undefined, world: World): URL {
  insistOnText("--url", option);
  const text = settingOr(option, VARIABLE, DEFAULT, world);
  // What was given is not repeated: it may hold a password.
  return readUrl(text, option === undefined ? VARIABLE : "--url");
}

/** Reads an http or https address. Throws with the name of the place that holds it. */
export function readUrl(text: string, place: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw wrongCall(`${place} is not an http address; give one such as ${DEFAULT}`);
  }
  if (url.username !== "" || url.password !== "" || url.hash !== "" || url.search !== "") {
    throw wrongCall(`${place} has more than an address; leave out user, query and fragment`);
  }
  return url;
}

/** The path below the service's own. */
export function below(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = base.pathname.replace(/\/+$/, "") + path;
  return url;
}
