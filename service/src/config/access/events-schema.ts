import { z } from "zod";
import { EVENT_KINDS } from "../../events/receiver.ts";
import { httpsUrl, name, path, text } from "./schema-texts.ts";

const Receiver = z
  .strictObject({
    url: httpsUrl.meta({ description: "Where its events are posted (RFC 8935)." }),
    audience: text(512)
      .optional()
      .meta({ description: "The `aud` of its events; unset: scheme, host and port of its URL." }),
    bearer_file: path
      .optional()
      .meta({ description: "A file with a bearer token that is sent to it, read at each try." }),
    ca_file: path.optional().meta({
      description: "Authorities of its certificate, PEM, in place of those of the machine.",
    }),
    kinds: z
      .array(z.enum(EVENT_KINDS))
      .min(1)
      .default([...EVENT_KINDS])
      .meta({ description: "What it is sent: revocations by what they name, and `undo`." }),
    reasons: z
      .boolean()
      .default(false)
      .meta({ description: "Whether its events say why, in the words of the operator." }),
    private_network: z
      .boolean()
      .default(true)
      .meta({ description: "Whether its URL may lead to loopback and private addresses." }),
  })
  .meta({ description: "Who is sent a signed event for each revocation." });

/** The section `events`. */
export const Events = z
  .record(name("the name of a receiver"), Receiver)
  .default({})
  .meta({ description: "Receivers of signed events, by name." });
