import { z } from "zod";
import { PublicJwk } from "../../../keys/public-jwk.ts";
import { type Answer, problemAnswer, rendered } from "../../answer.ts";
import { problem } from "../../problem.ts";
import { NO_SNIFF, type OpenRoute } from "../../route.ts";
import { PUBLIC_CACHING } from "../jwks.ts";

/** RFC 7517 section 5. */
const EventKeys = z.strictObject({ keys: z.array(PublicJwk) }).meta({ id: "EventKeys" });

export interface EventKeysDeps {
  /** The key set as JSON; `undefined`: it was not read yet. */
  readonly eventKeys: () => string | undefined;
}

const CACHING = ["cache-control", "public, max-age=60", "access-control-allow-origin", "*"];

/** `GET /events/jwks.json`: the public keys that verify events, from memory. */
export const eventKeys: OpenRoute<EventKeysDeps> = {
  operationId: "getEventKeys",
  tag: "keys",
  summary: "The public keys that verify events",
  description:
    "They verify signed events (RFC 8417) and nothing else: no token is signed with one of them. 404 where nobody is sent events.",
  method: "GET",
  path: "/events/jwks.json",
  access: "anyone",
  answers: {
    200: {
      description: "The JWK Set.",
      headers: { "x-content-type-options": NO_SNIFF, ...PUBLIC_CACHING },
      body: { mediaType: "application/json", schema: EventKeys },
    },
  },
  reasons: ["no_signing_key"],
  handle: ({ eventKeys: keysNow }): Answer => {
    const keys = keysNow();
    return keys === undefined ? problemAnswer(problem("no_signing_key")) : rendered(keys, CACHING);
  },
};
