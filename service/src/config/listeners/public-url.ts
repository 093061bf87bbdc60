import { z } from "zod";

/** Reads the address of the service as verifiers know it: http or https, without a query, and without a slash at its end. */
export function publicUrl(): z.ZodType<string, string> {
  return z.string().transform((text, context) => {
    const url = URL.canParse(text.trim()) ? new URL(text.trim()) : undefined;
    const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
    if (isHttp && url.username === "" && url.password === "" && url.search === "" && url.hash === "")
      return url.href.replace(/\/+$/, "");
    // It is not shown: it may hold a password.
    context.addIssue(
      "must be https://HOST or http://HOST, with the path that a proxy adds, and without user, query and fragment",
    );
    return z.NEVER;
  });
}
