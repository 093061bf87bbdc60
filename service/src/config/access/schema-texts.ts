import { z } from "zod";
import { isLoopback } from "../../kernel/loopback.ts";

// The texts of an access document.

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** A name that the document gives; `what` says of what. */
export const name = (what: string): z.ZodString =>
  z.string().regex(NAME, { error: `must be ${what}: 1 to 64 of a-z, 0-9, ".", "_" and "-"` });

/** One line of text. */
export const text = (charsMax: number): z.ZodString =>
  z
    .string()
    .min(1, { error: "must not be empty" })
    .max(charsMax, { error: `must have at most ${String(charsMax)} characters` })
    .refine((value) => value.isWellFormed() && !/\p{Cc}/u.test(value), {
      error: "must not contain control characters",
    });

/** The last moment of a day, or a moment (RFC 3339). */
const DAY = /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/;
const MOMENT = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})$/;
/** When something ends. */
export const endDate = z
  .string()
  .refine((value) => (DAY.test(value) || MOMENT.test(value)) && isInCalendar(value), {
    error: "must be a date such as 2027-06-30, or a moment such as 2027-06-30T12:00:00Z",
  })
  .meta({
    description:
      "The day or the moment after which the caller is rejected (RFC 3339). A day counts to its end, UTC.",
  });

/** Programs read 30 February as a day of March. */
function isInCalendar(value: string): boolean {
  const day = Date.parse(value.slice(0, 10));
  return (
    !Number.isNaN(Date.parse(value)) &&
    !Number.isNaN(day) &&
    new Date(day).toISOString().startsWith(value.slice(0, 10))
  );
}

/** Where something is fetched from. */
export const httpsUrl = z
  .string()
  .max(512)
  .refine((value) => /^https?:\/\/[^\s/?#@]+(?:[/?][^\s#]*)?$/.test(value) && URL.canParse(value), {
    error: "must be an https URL without user, password and fragment",
    abort: true,
  })
  .refine((value) => isSecure(new URL(value)), {
    error: "must begin with https://, unless it leads to this machine",
  });

function isSecure({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || isLoopback(hostname);
}
/** A path of a file. */
export const path = text(1024);
