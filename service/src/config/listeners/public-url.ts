import { z } from "zod";
import { shownValue } from "../shown-value.ts";

/** Reads the address of the service as verifiers know it: http or https, without a query, and without a slash at its end. */
export function publicUrl(): z.ZodType<string, string> {
  return z.string().transform((text, context) => {
    const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
    const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
    if (isHttp && url.username === "" && url.password === "" && url.search === "" && url.hash === "")
      return url.href.replace(/\/+$/, "");
    context.addIssue(
      `must be https://HOST or http://HOST, with a path where a proxy adds one, and is ${shownValue(text)}`,
    );
    return z.NEVER;
  });
}
