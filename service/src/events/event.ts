import { type EpochSeconds, epochSeconds } from "../kernel/clock.ts";
import type { StoredRevocation } from "../ledger/revocation/revocation-store.ts";
import type { EventPosition } from "./event-position.ts";
import type { EventReceiver } from "./receiver.ts";

/** What a security event token says (RFC 8417 section 2.2). It has no `sub` and no `exp`, so that no reader takes it for an access token. */
export interface EventClaims {
  readonly iss: string;
  readonly aud: string;
  readonly iat: EpochSeconds;
  /** The same at each try: a receiver that has it ignores it. */
  readonly jti: string;
  /** The same for all parts of one revocation. */
  readonly txn?: string;
  /** When it happened. */
  readonly toe?: EpochSeconds;
  readonly sub_id: SubjectId;
  readonly events: Readonly<Record<string, object>>;
}

/** Whom an event is about (RFC 9493, and `jwt_id` of the Shared Signals Framework). */
export type SubjectId =
  | { readonly format: "iss_sub"; readonly iss: string; readonly sub: string }
  | { readonly format: "jwt_id"; readonly iss: string; readonly jti: string }
  | { readonly format: "opaque"; readonly id: string };

/** What the types of our events are called (RFC 8417 section 1.2). */
const REVOKED = "urn:macp:auth:event:revoked";
const UNDONE = "urn:macp:auth:event:revocation-undone";
/** What a test is called in the Shared Signals Framework. */
const VERIFICATION = "https://schemas.openid.net/secevent/ssf/event-type/verification";

/** A part of a revocation, as it is sent. */
export interface RevocationEvent {
  readonly revocation: StoredRevocation;
  readonly position: EventPosition;
  /** Ids of tokens that it stops and that have not expired. */
  readonly tokens: readonly string[];
  /** The part after this one; `undefined`: this is the last. */
  readonly next: EventPosition | undefined;
}

/** Of whom and when an event is made. */
export interface EventContext {
  readonly issuer: string;
  readonly now: EpochSeconds;
}

/** What a receiver is sent of a revocation. */
export function revocationClaims(
  { revocation, position, tokens, next }: RevocationEvent,
  { name, audience, hasReasons }: Pick<EventReceiver, "name" | "audience" | "hasReasons">,
  { issuer, now }: EventContext,
): EventClaims {
  const { id, epoch, at, kind, subject, cutOff, ends, reason } = revocation;
  const toe = epochSeconds(at / 1_000);
  const said = hasReasons ? { reason } : {};
  const ofUndo = { epoch, undoes: ends, event_timestamp: toe, ...said };
  const ofRevocation = {
    epoch,
    kind,
    subject,
    ...(cutOff === undefined ? {} : { cut_off: cutOff }),
    ...(ends === undefined ? {} : { replaces: ends }),
    part: position.part,
    is_last: next === undefined,
    tokens,
    event_timestamp: toe,
    ...said,
  };
  return {
    iss: issuer,
    aud: audience,
    iat: now,
    jti: `${id}.${String(position.part)}.${name}`,
    txn: id,
    toe,
    sub_id: subjectId(revocation, issuer),
    events: kind === "undo" ? { [UNDONE]: ofUndo } : { [REVOKED]: ofRevocation },
  };
}

/** What a receiver is sent to see that it receives and verifies. */
export function verificationClaims(
  { name, audience }: Pick<EventReceiver, "name" | "audience">,
  { issuer, now }: EventContext,
  state: string,
): EventClaims {
  return {
    iss: issuer,
    aud: audience,
    iat: now,
    jti: `test.${state}.${name}`,
    sub_id: { format: "opaque", id: name },
    events: { [VERIFICATION]: { state } },
  };
}

function subjectId({ kind, subject }: StoredRevocation, iss: string): SubjectId {
  switch (kind) {
    case "sender":
      return { format: "iss_sub", iss, sub: subject };
    case "jti":
      return { format: "jwt_id", iss, jti: subject };
    case "root":
    case "run":
    case "caller":
    case "kid":
    case "undo":
      return { format: "opaque", id: `${kind}:${subject}` };
  }
}
