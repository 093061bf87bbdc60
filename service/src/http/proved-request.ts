import { authenticate } from "../callers/authenticate.ts";
import type { Caller } from "../callers/caller.ts";
import { type Rejected, rejected } from "../callers/rejection.ts";
import type { Meter } from "../telemetry/meter.ts";
import { type AccessInForce, presentedBy } from "./access.ts";
import { clientKeyOf } from "./limits/address-key.ts";
import { FREE_PASSAGE, LimitedPassage, type Passage } from "./limits/passage.ts";
import type { TrustedProxies } from "./peer/peer-of.ts";
import type { Exchange } from "./route.ts";

/** Why a request without a proof goes no further. */
export const UNPROVED = rejected("credential_missing");

/** Who sends a request that is not for everyone: always proved, also while callers are only observed. */
export function provedCaller(
  access: AccessInForce,
  { incoming }: Exchange,
): Promise<{ readonly kind: "caller"; readonly caller: Caller } | Rejected> {
  return access.mode === "off"
    ? Promise.resolve(UNPROVED)
    : authenticate(access.proofs, presentedBy(incoming));
}

/** Its way past the limits. */
export function passageOf(
  { mode, limits }: AccessInForce,
  { meter, proxies }: { readonly meter: Meter; readonly proxies?: TrustedProxies },
  { incoming }: Exchange,
): Passage {
  if (limits === undefined) return FREE_PASSAGE;
  const presented = mode === "off" ? undefined : presentedBy(incoming);
  return new LimitedPassage(limits, clientKeyOf(incoming, proxies), presented, meter);
}
