import { z } from "zod";
import { isLoopback } from "../kernel/loopback.ts";
import { path, whole } from "./fields.ts";

const NO_URL =
  "must be an https:// URL (http:// only on this machine) without user, password, query and fragment";

/** Reads the URL of a mint; its path may be the prefix of a proxy. None of it is shown: it may hold a password. */
function mintUrl(): z.ZodPipe<z.ZodString, z.ZodTransform<string, string>> {
  return z.string().transform((text, context) => {
    if (isMintUrl(text.trim())) return text.trim().replace(/\/+$/, "");
    context.addIssue(NO_URL);
    return z.NEVER;
  });
}

function isMintUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, search, hash } = new URL(text);
  const isSafe = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  return isSafe && username + password + search + hash === "";
}

/** The settings that only `macp-auth guard serve` reads, as a person writes them. */
export const MintWritten = z.object({
  url: mintUrl()
    .optional()
    .describe("the mint that the guard follows, https (http only on this machine); `--mint` has priority"),
  tokenFile: path()
    .optional()
    .describe("a file with the credential of the guard's caller there, such as a secret; read again"),
  caFile: path()
    .optional()
    .describe("the authorities of the mint's certificate, PEM; unset means those that Node knows"),
  staleSeconds: whole(1, 3_600)
    .default(1)
    .describe("how old what the guard knows may be; then it rejects every request"),
});
