import type { NoAnswer } from "../client/http-client.ts";

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host name is unknown",
  ECONNRESET: "the connection was closed before the answer",
};

/** Why a server gave no answer, in words. */
export function whyNoAnswer({ code, timeoutMs }: NoAnswer): string {
  if (code === "TIMEOUT") return `no complete answer within ${String(timeoutMs / 1_000)} seconds`;
  return WORDS[code] ?? code;
}
