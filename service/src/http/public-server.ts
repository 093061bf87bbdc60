import type { FeedDeps } from "../guard/feed/answer-feed.ts";
import type { IssuedTokens } from "../tokens/issued-tokens.ts";
import { httpServer, type Listener, type ListenerDeps } from "./listener.ts";
import type { OAuthRouteDeps } from "./oauth/oauth-route.ts";
import type { Exchange, OpenRoute } from "./route.ts";
import { type EventKeysDeps, eventKeys } from "./routes/events/event-keys.ts";
import { type FeedRouteDeps, guardFeed } from "./routes/guard/feed.ts";
import { health } from "./routes/health.ts";
import { introspect } from "./routes/introspect.ts";
import { type JwksDeps, jwks } from "./routes/jwks.ts";
import { type MintRouteDeps, mintToken } from "./routes/mint-token.ts";
import { revokeToken } from "./routes/revoke-token.ts";
import { allStatusLists } from "./routes/status-lists/all-status-lists.ts";
import {
  type StatusListDeps,
  type StatusListRouteDeps,
  statusList,
} from "./routes/status-lists/status-list.ts";
import { statusListKeys } from "./routes/status-lists/status-list-keys.ts";
import { type RequestWatch, watched } from "./watched.ts";

export interface PublicDeps extends ListenerDeps, JwksDeps, Omit<MintRouteDeps, "underWay"> {
  /** `undefined`: no token is recorded, and none can be asked about or stopped. */
  readonly issued?: IssuedTokens | undefined;
  /** `undefined`: nobody looks at requests. */
  readonly watch?: RequestWatch | undefined;
  /** `undefined`: tokens have no status. */
  readonly statusLists?: StatusListDeps | undefined;
  /** The keys that verify events, as JSON; `undefined`: nobody is sent events. */
  readonly eventKeys?: EventKeysDeps["eventKeys"] | undefined;
}

const ROUTES: readonly OpenRoute<PublicDeps & MintRouteDeps>[] = [mintToken, jwks, health];
/** What exists only where tokens are recorded. */
const ISSUED_ROUTES: readonly OpenRoute<OAuthRouteDeps & FeedRouteDeps>[] = [
  introspect,
  revokeToken,
  guardFeed,
];
/** What exists only where tokens have a status. */
const STATUS_ROUTES: readonly OpenRoute<StatusListRouteDeps>[] = [statusList, allStatusLists, statusListKeys];

/** What exists only where somebody is sent events. */
const EVENT_ROUTES: readonly OpenRoute<EventKeysDeps>[] = [eventKeys];

/** Every operation of the public listener. */
export const PUBLIC_ROUTES: readonly OpenRoute<
  Omit<PublicDeps, "eventKeys" | "statusLists"> &
    MintRouteDeps &
    OAuthRouteDeps &
    FeedRouteDeps &
    StatusListRouteDeps &
    EventKeysDeps
>[] = [...ROUTES, ...ISSUED_ROUTES, ...STATUS_ROUTES, ...EVENT_ROUTES];

export type PlainDeps = ListenerDeps & JwksDeps & Pick<PublicDeps, "watch">;

/** What may be read without TLS: the runtime fetches its JWKS over plain HTTP only. */
const PLAIN_ROUTES: readonly OpenRoute<PlainDeps>[] = [jwks, health];

/** The listener beside the public one that serves only public keys and health. Not yet listening. */
export function plainServer(deps: PlainDeps): Listener {
  return httpServer(
    deps,
    PLAIN_ROUTES.map((route) =>
      watched({ ...route, handle: (exchange: Exchange) => route.handle(deps, exchange) }, deps.watch),
    ),
  );
}

/** What guards of other processes are answered from: what this replica itself knows and serves. */
function feedOf({ keys }: PublicDeps, { verify, revocation }: IssuedTokens): FeedDeps {
  const { store, revocations, clock } = revocation;
  return { store, revocations, keys, clock, issuer: verify.issuer };
}

/** The public listener. Not yet listening. */
export function publicServer(deps: PublicDeps): Listener {
  const all = { ...deps, underWay: { mints: 0 } };
  const { issued, statusLists, log, watch, eventKeys: keysOfEvents } = deps;
  const ofIssued =
    issued === undefined
      ? []
      : ISSUED_ROUTES.map((route) => ({
          ...route,
          handle: (exchange: Exchange) =>
            route.handle({ ...all, issued, feed: feedOf(deps, issued) }, exchange),
        }));
  const ofStatuses =
    statusLists === undefined
      ? []
      : STATUS_ROUTES.map((route) => ({
          ...route,
          handle: (exchange: Exchange) => route.handle({ statusLists, log }, exchange),
        }));
  const ofEvents =
    keysOfEvents === undefined
      ? []
      : EVENT_ROUTES.map((route) => ({
          ...route,
          handle: (exchange: Exchange) => route.handle({ eventKeys: keysOfEvents }, exchange),
        }));
  const routes = [
    ...ROUTES.map((route) => ({ ...route, handle: (exchange: Exchange) => route.handle(all, exchange) })),
    ...ofIssued,
    ...ofStatuses,
    ...ofEvents,
  ];
  return httpServer(
    deps,
    routes.map((route) => watched(route, watch)),
  );
}
