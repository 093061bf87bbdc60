import { z } from "zod";
import { bearerIn } from "../../callers/fetch-document.ts";
import type { Deliver } from "../../events/send-pending.ts";
import { readSmallFile } from "../../files/small-file.ts";
import type { Timers } from "../../kernel/timers.ts";
import { systemResolve } from "../../outbound/checked-lookup.ts";
import { postEvent } from "../../outbound/post-event.ts";

/** RFC 8935 section 2.3. */
const Rejection = z.object({ err: z.string().max(128) });

/** Posts events over this machine's network. The bearer token is read at each try, so that it may be replaced at any time. */
export function deliverWith(timers: Timers): Deliver {
  const post = postEvent({ timers, resolve: systemResolve });
  return async ({ url, reach, caPem, bearerFile }, event) => {
    const bearer = bearerFile === undefined ? undefined : await bearerOf(bearerFile);
    if (bearer === undefined && bearerFile !== undefined)
      return { kind: "failed", reason: "bearer_unreadable" };
    const reply = await post(url, event, { reach, ca: caPem, ...(bearer && { bearer }) });
    if (reply.kind === "failed") return reply;
    const { status, retryAfterSeconds, bytes } = reply;
    return { kind: "answered", status, retryAfterSeconds, err: errIn(bytes) };
  };
}

function bearerOf(path: string): Promise<ReturnType<typeof bearerIn>> {
  return readSmallFile(path).then(bearerIn, () => undefined);
}

function errIn(bytes: Uint8Array): string | undefined {
  try {
    return Rejection.safeParse(JSON.parse(Buffer.from(bytes).toString())).data?.err;
  } catch {
    return undefined;
  }
}
