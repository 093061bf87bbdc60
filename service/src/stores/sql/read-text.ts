import { z } from "zod";

/** A text of a form of its own. */
export function read<Value>(parse: (text: string) => Value | undefined): z.ZodType<Value> {
  return z.string().transform((text, context) => {
    const value = parse(text);
    if (value !== undefined) return value;
    context.addIssue("another_form");
    return z.NEVER;
  });
}
