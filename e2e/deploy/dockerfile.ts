import { readFileSync } from "node:fs";

/** The shell command of the image's HEALTHCHECK, as Docker runs it with `/bin/sh -c`. */
export function healthLine(): string {
  const text = readFileSync(new URL("../../deploy/Dockerfile", import.meta.url), "utf8");
  const joined = text.replaceAll(/\\\n\s*/g, " ");
  const line = /^HEALTHCHECK .*?\bCMD (.*)$/m.exec(joined)?.[1];
  if (line === undefined) throw new Error("deploy/Dockerfile has no HEALTHCHECK in the shell form");
  return line;
}
