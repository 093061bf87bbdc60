import type { IncomingHttpHeaders } from "node:http";

const MAX_AGE = /^max-age="?(\d{1,10})"?$/i;
const NOT_CACHED = /^(?:no-store|no-cache)(?:=|$)/i;

/** For how many more seconds the server lets a reply be cached (RFC 9111 sections 4.2.1 and 5.2.2); `undefined`: it does not say. */
export function maxAgeOf(headers: IncomingHttpHeaders): number | undefined {
  const directives = (headers["cache-control"] ?? "").split(",").map((directive) => directive.trim());
  if (directives.some((directive) => NOT_CACHED.test(directive))) return 0;
  const seconds = directives
    .map((directive) => MAX_AGE.exec(directive)?.[1])
    .find((digits) => digits !== undefined);
  if (seconds === undefined) return undefined;
  const age = /^\d{1,10}$/.test(headers.age ?? "") ? Number(headers.age) : 0;
  return Math.max(0, Number(seconds) - age);
}
