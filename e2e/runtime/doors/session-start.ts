import type { Envelope } from "./runtime-client.ts";

/** A mode whose sessions the stories start. */
export const DECISION = "macp.mode.decision.v1";
/** Who else than its initiator takes part in them. */
export const PARTICIPANT = "agent://one";

/** What starts a session with this id. */
export function sessionStart(session_id: string, mode: string = DECISION): Envelope {
  const payload = {
    name: "a story",
    participants: [PARTICIPANT, "agent://two"],
    mode_version: "1.0.0",
    configuration_version: "config.default",
    ttl_ms: 60_000,
  };
  return { message_type: "SessionStart", mode, session_id, payload };
}
