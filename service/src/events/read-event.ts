import type { RevocationStore } from "../ledger/revocation/revocation-store.ts";
import type { RevocationEvent } from "./event.ts";
import type { EventPosition } from "./event-position.ts";

/** Ids of tokens in one event: about 33 KiB of it, which receivers accept unless they are configured otherwise. */
const TOKENS_MAX = 1_000;

/**
 * The event at a position, from what is stored of the revocation: it lists the tokens that it stops and that have not expired meanwhile.
 * `undefined`: there is no such revocation. Rejects with `StoreUnavailable`.
 */
export async function readEvent(
  store: Pick<RevocationStore, "list" | "changes">,
  position: EventPosition,
  tokensMax = TOKENS_MAX,
): Promise<RevocationEvent | undefined> {
  const { epoch, part, after } = position;
  const [revocation] = await store.list(epoch + 1, 1);
  if (revocation?.epoch !== epoch) return undefined;
  if (revocation.kind === "undo") return { revocation, position, tokens: [], next: undefined };
  // A page is longer than a part, so that it shows whether there is another one.
  const page = await store.changes({ epoch, jti: after });
  const listed = page.tokens.filter((token) => token.epoch === epoch).map(({ jti }) => jti);
  const tokens = listed.slice(0, tokensMax);
  const last = tokens.at(-1);
  const next =
    listed.length > tokensMax && last !== undefined ? { epoch, part: part + 1, after: last } : undefined;
  return { revocation, position, tokens, next };
}
