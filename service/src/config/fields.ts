import { z } from "zod";
import { type Invisible, invisibleIn, invisibleInLines } from "../kernel/printable.ts";
import { Secret } from "../kernel/secret.ts";
import type { StoreLocation } from "../kernel/store-location.ts";
import { beginsLikeASecret, shownAround, shownValue } from "./shown-value.ts";
import { parseStoreUrl } from "./store-url.ts";

/** A setting's text, read into a value. */
type Read<T> = z.ZodPipe<z.ZodString, z.ZodTransform<T, string>>;

/** No number and no name is longer. */
const SHOWN_CHARS_MAX = 20;

/** Reads a whole number within bounds; the fault names the bounds and shows the value, cut short. */
export function whole(min: number, max: number): Read<number> {
  return z.string().transform((text, context) => {
    const value = Number(text.trim());
    if (/^[0-9]+$/.test(text.trim()) && value >= min && value <= max) return value;
    context.addIssue(
      `must be a whole number from ${String(min)} to ${String(max)}, and is ${shownValue(text, SHOWN_CHARS_MAX)}`,
    );
    return z.NEVER;
  });
}

/** Reads one of the names, letter case included, without the blanks around it. */
export function oneOf<const Names extends readonly string[]>(names: Names): Read<Names[number]> {
  return z.string().transform((text, context): Names[number] => {
    const found = names.find((name) => name === text.trim());
    if (found !== undefined) return found;
    context.addIssue(`must be ${names.join(" or ")}, and is ${shownValue(text, SHOWN_CHARS_MAX)}`);
    return z.NEVER;
  });
}

/** Reads a text that must never be shown, without the blanks around it. Several lines are allowed, and no other character that cannot be seen. */
export function secret(): Read<Secret> {
  return z.string().transform((text, context) => {
    const invisible = invisibleInLines(text.trim());
    if (invisible === undefined) return new Secret(text.trim());
    context.addIssue(invisibleFault(invisible));
    return z.NEVER;
  });
}

/** Reads a text that must never be shown, exactly as it stands. */
export function secretVerbatim(): Read<Secret> {
  return z.string().transform((text) => new Secret(text));
}

/**
 * Reads a text that is used as it stands, blanks included. An invisible character is a fault: the text would differ from the same
 * text elsewhere, and nobody would see why.
 */
export function verbatim(): Read<string> {
  return z.string().transform((text, context) => {
    const invisible = invisibleIn(text);
    if (invisible === undefined) return text;
    context.addIssue(
      `holds ${nameOf(invisible)}, which cannot be seen, and is ${shownAround(text, invisible.index)}; ${removalOf(text, invisible)}`,
    );
    return z.NEVER;
  });
}

/** The fault of a text that must not be shown. */
function invisibleFault(invisible: Invisible): string {
  return `holds ${nameOf(invisible)}, which cannot be seen; remove it`;
}

function nameOf({ codePoint }: Invisible): string {
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Names the usual cause of the character, where there is one, and how to remove it. */
function removalOf(text: string, { codePoint, index }: Invisible): string {
  if (codePoint === 0xff_fd) return "write it as UTF-8";
  const isLineEnd = /^\r?\n?$/.test(text.slice(index));
  return isLineEnd ? "remove the line end (echo adds one, printf does not)" : "remove it";
}

/** Reads a store URL, without the blanks around it. */
export function storeLocation(): Read<StoreLocation> {
  return z.string().transform((text, context) => {
    const read = parseStoreUrl(text.trim());
    const invisible = invisibleIn(text.trim());
    if (read.kind === "fault") context.addIssue(read.fault);
    else if (invisible !== undefined) context.addIssue(invisibleFault(invisible));
    else return read;
    return z.NEVER;
  });
}

/** Reads the URL of a Redis server, without the blanks around it. It may hold a password, so none of it is shown. */
export function redisUrl(): Read<Secret> {
  return z.string().transform((text, context) => {
    const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
    const isRedis = url?.protocol === "redis:" || url?.protocol === "rediss:";
    if (isRedis && url.hostname !== "" && /^(?:\/[0-9]{0,5})?$/.test(url.pathname) && url.search === "")
      return new Secret(text.trim());
    context.addIssue(
      "must be redis://HOST:PORT/DATABASE or rediss://…, with USER:PASSWORD@ where it needs one",
    );
    return z.NEVER;
  });
}

/** Reads the http or https URL of a receiver of telemetry, without the blanks around it. One with a user and password is rejected unseen. */
export function otlpUrl(): Read<string> {
  return z.string().transform((text, context) => {
    const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
    const isHttp = url?.protocol === "http:" || url?.protocol === "https:";
    if (isHttp && url.username === "" && url.password === "" && url.search === "" && url.hash === "")
      return text.trim();
    context.addIssue("must be http://HOST:PORT or https://…, without user, password and query");
    return z.NEVER;
  });
}

/** Letters, digits and what else an address or a host name is made of (RFC 1123 section 2.1, RFC 4007 section 11). */
const LIKE_A_HOST = /^[\p{L}\p{N}.:%_-]{1,253}$/u;

/** An IPv6 address as a URL spells it (RFC 3986 section 3.2.2). */
const BRACKETED = /^\[([^[\]]*:[^[\]]*)\]$/;

/** Reads an address or a host name, without the blanks or the brackets around it. Anything else is rejected before a resolver is asked for it: it may be a secret in the wrong place. */
export function host(): Read<string> {
  return z.string().transform((text, context) => {
    const bare = text.trim().replace(BRACKETED, "$1");
    if (LIKE_A_HOST.test(bare)) return bare;
    context.addIssue(`must be an address or a name of this machine, and is ${shownValue(text)}`);
    return z.NEVER;
  });
}

/** Reads a path, without the blanks around it. No part of one with a character that cannot be seen is shown: it may be the content of the file, which is a key or a token of any form. */
export function path(): Read<string> {
  return z.string().transform((text, context) => {
    const path = text.trim();
    const fault = beginsLikeASecret(path)
      ? "must be the path of a file, and holds what looks like a key or a token; put that into a file"
      : faultOfInvisibleIn(path);
    if (fault === undefined) return path;
    context.addIssue(fault);
    return z.NEVER;
  });
}

/** Why a path cannot be used as it stands; `undefined`: it can. */
export function faultOfInvisibleIn(path: string): string | undefined {
  const invisible = invisibleIn(path);
  if (invisible === undefined) return undefined;
  const place = Array.from(path.slice(0, invisible.index)).length + 1;
  return `holds ${nameOf(invisible)}, which cannot be seen, as character ${String(place)}; ${removalOf(path, invisible)}`;
}
