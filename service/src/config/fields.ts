import { z } from "zod";
import { printable } from "../kernel/printable.ts";
import { Secret } from "../kernel/secret.ts";

/** A variable's text, read into a value. */
type Read<T> = z.ZodPipe<z.ZodString, z.ZodTransform<T, string>>;

/** Reads a whole number within bounds; the fault names the bounds and shows the value, cut short. */
export function whole(min: number, max: number): Read<number> {
  return z.string().transform((text, context) => {
    const value = Number(text.trim());
    if (/^[0-9]+$/.test(text.trim()) && value >= min && value <= max) return value;
    context.addIssue(`must be a whole number from ${String(min)} to ${String(max)}, and is "${shown(text)}"`);
    return z.NEVER;
  });
}

/** Reads one of the names, letter case included. */
export function oneOf<const Names extends readonly string[]>(names: Names): Read<Names[number]> {
  return z.string().transform((text, context): Names[number] => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    context.addIssue(`must be ${names.join(" or ")}, and is "${shown(text)}"`);
    return z.NEVER;
  });
}

/** Reads a text that must never be shown. */
export function secret(): Read<Secret> {
  return z.string().transform((text) => new Secret(text));
}

/** An operator's own value in an error line, short and harmless: it may be anything, even a secret pasted into the wrong place. */
function shown(text: string): string {
  const short = text.length > 20 ? `${text.slice(0, 20)}…` : text;
  return printable(short);
}
