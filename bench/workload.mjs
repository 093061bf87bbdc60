/** What every subject is asked for: one agent with the scopes that a planner usually has. */
export const MINT_BODY = JSON.stringify({
  sender: "agent://planner",
  scopes: {
    can_start_sessions: true,
    can_manage_mode_registry: false,
    is_observer: false,
    allowed_modes: ["", "macp.mode.decision.v1", "macp.mode.task.v1"],
    max_open_sessions: 10,
  },
  ttl_seconds: 300,
});

export const ISSUER = "macp-auth-service";
export const AUDIENCE = "macp-runtime";

/** How the peer knows its one client. Not a secret: the peer lives for one run, on loopback. */
export const PEER_CLIENT = { id: "bench", secret: "bench-client-of-one-run" };
/** The resource for which the peer issues JWT access tokens. */
export const PEER_RESOURCE = "urn:macp:runtime";
/** The scope that the peer grants for it. */
export const PEER_SCOPE = "mint";
