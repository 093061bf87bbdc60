import type { PurposeSigner } from "../keys/purposes/purpose-keys.ts";
import type { EventClaims } from "./event.ts";

/** The type of a security event token (RFC 8417 section 2.3). */
const EVENT_TYPE = "secevent+jwt";

/** The event as it is sent: a signed JWT. */
export async function signEvent(
  { kid, privateKey }: Pick<PurposeSigner, "kid" | "privateKey">,
  claims: EventClaims,
): Promise<string> {
  // Loaded here: a service without receivers does not need it.
  const { CompactSign } = await import("jose/jws/compact/sign");
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "ES256", kid, typ: EVENT_TYPE })
    .sign(privateKey);
}
