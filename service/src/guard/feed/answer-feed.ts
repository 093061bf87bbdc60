import type { Clock } from "../../kernel/clock.ts";
import type { KeyDirectory } from "../../keys/key-directory.ts";
import type { JwksDocument } from "../../keys/key-view.ts";
import type { PublicJwk } from "../../keys/public-jwk.ts";
import type { Revocations } from "../../ledger/ledger.ts";
import type {
  ChangesFrom,
  RevocationChanges,
  RevocationStore,
} from "../../ledger/revocation/revocation-store.ts";
import { boundedPage, RULE_CHARACTERS_MAX } from "./bounded-page.ts";
import { type FeedPage, type FeedQuery, placeOf, sentPage } from "./feed-shapes.ts";

/** What guards of other processes are answered from. */
export interface FeedDeps {
  readonly store: Pick<RevocationStore, "changes">;
  readonly revocations: Pick<Revocations, "epoch" | "last" | "freshness">;
  readonly keys: Pick<KeyDirectory, "view">;
  readonly clock: Pick<Clock, "now">;
  /** The `iss` of the tokens. */
  readonly issuer: string;
}

/** The page that a guard asks for; `undefined`: no key is served now, which is not to be taken for an empty set. Rejects with `StoreUnavailable`. */
export async function answerFeed(deps: FeedDeps, query: FeedQuery): Promise<FeedPage | undefined> {
  const page = boundedPage(await changes(deps, placeOf(query)), RULE_CHARACTERS_MAX);
  const { jwks } = deps.keys.view();
  if (jwks === undefined) return undefined;
  return {
    issuer: deps.issuer,
    now: deps.clock.now(),
    age_ms: Math.ceil(page.ageMs ?? 0),
    ...sentPage(page),
    ...(jwks.etag !== query.keys && { keys: keysIn(jwks) }),
  };
}

/**
 * Most polls find nothing new, and memory says so: no number of guards is a load for the store. One that knows less than this replica
 * is answered from the store, and so is one that knows more, or another revocation under the same number, because another replica was faster
 * or the store was put back.
 */
function changes(
  { store, revocations }: FeedDeps,
  from: ChangesFrom,
): RevocationChanges | Promise<RevocationChanges> {
  const { epoch, last } = revocations;
  const { ageMs, isFresh } = revocations.freshness();
  const knowsTheSame =
    from.epoch === epoch + 1 && from.jti === "" && (from.after === undefined || from.after === last);
  return isFresh && knowsTheSame
    ? { epoch, rules: [], tokens: [], next: undefined, last, ageMs }
    : store.changes(from);
}

function keysIn({ etag, body }: JwksDocument): FeedPage["keys"] {
  // Our own rendering, of checked keys.
  return { etag, keys: (JSON.parse(body) as { keys: PublicJwk[] }).keys };
}
