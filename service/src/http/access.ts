import type { IncomingMessage } from "node:http";
import { anyone } from "../callers/anyone.ts";
import { type AuthenticateDeps, type Authenticated, authenticate } from "../callers/authenticate.ts";
import { contradictionBeside } from "../callers/beside.ts";
import type { Caller } from "../callers/caller.ts";
import type { Presented } from "../callers/presented.ts";
import { type Rejected, rejected } from "../callers/rejection.ts";
import type { Timers } from "../kernel/timers.ts";
import type { LimitsInForce } from "../limits/limits-in-force.ts";
import type { CompiledPolicy } from "../policy/compile-policy.ts";
import { NO_POLICY, type PolicyInForce } from "../tokens/entitlement.ts";
import type { AudienceReading } from "../tokens/mint-request.ts";
import { valuesOf } from "./header-values.ts";
import { certificateOf } from "./peer/certificate-of.ts";
import { type Problem, problem } from "./problem.ts";

/** Who may call and what each may have minted, as it is now: one request uses one of these from start to end. */
export type AccessInForce =
  | { readonly mode: "off"; readonly limits: LimitsInForce | undefined }
  | {
      /** `observe`: everything is minted as with `off`, and what `enforce` would reject is reported. */
      readonly mode: "observe" | "enforce";
      readonly proofs: AuthenticateDeps;
      /** `undefined`: each caller may have minted what it asks for. */
      readonly policy: CompiledPolicy | undefined;
      /** `undefined`: nothing is limited. */
      readonly limits: LimitsInForce | undefined;
    };

/** Port. What is in force changes when the access document does. */
export interface Access {
  view(): AccessInForce;
}

/** Nobody is asked who they are. */
export const OPEN_ACCESS: Access = { view: () => OFF };
const OFF: AccessInForce = { mode: "off", limits: undefined };

/** Who sends a request. `unproved`: why `enforce` would reject it. */
export type Known =
  | { readonly kind: "caller"; readonly caller: Caller; readonly unproved: Rejected | undefined }
  | Rejected;

/** The caller of a request, as far as the mode asks for one. */
export async function callerOf(
  access: AccessInForce,
  incoming: IncomingMessage,
  timers: Timers,
): Promise<Known> {
  if (access.mode === "off") return { kind: "caller", caller: anyone(), unproved: undefined };
  const { mode, proofs } = access;
  const outcome = await (mode === "observe"
    ? observed(proofs, incoming, timers)
    : authenticate(proofs, presentedBy(incoming)));
  if (outcome.kind === "caller") return { ...outcome, unproved: undefined };
  return mode === "observe" ? { kind: "caller", caller: anyone(), unproved: outcome } : outcome;
}

/** While nobody is rejected, a store that fails must not end a mint either, nor an issuer hold it up that does not answer: callers wait 5 s. */
async function observed(
  proofs: AuthenticateDeps,
  incoming: IncomingMessage,
  timers: Timers,
): Promise<Authenticated> {
  const patience = timers.delay(OBSERVED_MS_MAX);
  try {
    return await Promise.race([
      authenticate(proofs, presentedBy(incoming)),
      patience.over.then(() => rejected("check_failed")),
    ]);
  } catch {
    return rejected("check_failed");
  } finally {
    patience.cancel();
  }
}

const OBSERVED_MS_MAX = 250;

/** The part of a request that may prove its caller. */
export type SentCredentials = Pick<IncomingMessage, "rawHeaders" | "headers"> & {
  readonly socket: Pick<IncomingMessage["socket"], "remoteAddress">;
};

/** What a request presents as proof of its caller. */
export function presentedBy({ rawHeaders, headers, socket }: SentCredentials): Presented {
  return {
    authorization: valuesOf("authorization", rawHeaders),
    certificate: () => certificateOf(socket),
    origin: {
      remoteAddress: socket.remoteAddress,
      host: headers.host,
      origin: headers.origin,
      fetchSite: headers["sec-fetch-site"],
      isForwarded: FORWARDING.some((name) => headers[name] !== undefined),
    },
  };
}

/** What proxies add (RFC 7239, RFC 9110 section 7.6.3, and before them). */
const FORWARDING = [
  "forwarded",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-real-ip",
];

/** The hash of the policy in force; `undefined`: there is none. */
export function policyHashOf(access: AccessInForce): string | undefined {
  return access.mode === "off" ? undefined : access.policy?.hash;
}

/** The policy that a mint is under. */
export function policyOf(access: AccessInForce): PolicyInForce {
  if (access.mode === "off" || access.policy === undefined) return NO_POLICY;
  return { kind: access.mode === "enforce" ? "enforced" : "observed", policy: access.policy };
}

/** What becomes of the audience of a request. */
export function audienceReadingOf({ mode }: AccessInForce): AudienceReading {
  return AUDIENCE_READINGS[mode];
}

const AUDIENCE_READINGS = { off: "ignored", observe: "observed", enforce: "required" } as const;

/** Why the body contradicts the proof of its caller; `undefined` when it does not. */
export function contradictionIn(body: unknown, caller: Caller): Rejected | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const has = (name: string): boolean => Object.hasOwn(body, name);
  return contradictionBeside(caller, {
    clientId: has("client_id") ? (body as { client_id: unknown }).client_id : undefined,
    hasClientSecret: has("client_secret"),
    hasClientAssertion: has("client_assertion"),
  });
}

/** The problem of a request without a caller. One text for all, so that a stranger learns nothing; only what the client did wrong itself is named. */
export function problemOfStranger({ reason }: Rejected): Problem {
  return problem(reason === "credentials_several" ? "credentials_several" : "credential_required");
}
