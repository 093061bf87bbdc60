import { z } from "zod";
import { isLoopback } from "../kernel/loopback.ts";
import { Secret } from "../kernel/secret.ts";
import { path, whole } from "./fields.ts";

/** Who is sent events, beside the receivers of the access document, and when an event is given up. */
export interface EventSettings {
  /** `undefined`: nobody. */
  readonly receiver: EventReceiverSettings | undefined;
  readonly giveUpSeconds: number;
}

/** The receiver that the settings make. */
export interface EventReceiverSettings {
  readonly url: Secret;
  readonly bearerFile: string | undefined;
  readonly caFile: string | undefined;
}

/** Reads an https URL (http on this machine). It may hold a token, so none of it is shown. */
function receiverUrl(): z.ZodType<Secret, string> {
  return z.string().transform((text, context): Secret => {
    const url = text.trim();
    if (isReceiver(url)) return new Secret(url);
    context.addIssue(
      "must be an https:// URL (http:// only on this machine) without user, password and fragment",
    );
    return z.NEVER;
  });
}

function isReceiver(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password, hash } = new URL(text);
  const isSafe = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
  return isSafe && username === "" && password === "" && hash === "";
}

/** The settings of events as a person writes them. */
export const EventsWritten = z.object({
  url: receiverUrl()
    .optional()
    .describe(
      "a receiver of a signed event for each revocation; unset means none beside the access document",
    ),
  bearerFile: path().optional().describe("a file with a bearer token that is sent to it, read at each try"),
  caFile: path()
    .optional()
    .describe("authorities of its certificate, PEM, in place of those of the machine; read at startup"),
  giveUpSeconds: whole(60, 2_592_000)
    .default(86_400)
    .describe(
      "how long an event that a receiver does not accept is tried; then it becomes a dead letter, and the next one is sent",
    ),
});

/** The settings that follow from them. */
export function eventSettings({
  url,
  bearerFile,
  caFile,
  giveUpSeconds,
}: z.infer<typeof EventsWritten>): EventSettings {
  return { receiver: url && { url, bearerFile, caFile }, giveUpSeconds };
}
