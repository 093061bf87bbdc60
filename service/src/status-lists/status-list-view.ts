import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Clock, Stopwatch } from "../kernel/clock.ts";
import type { PublicJwk } from "../keys/public-jwk.ts";
import type { LedgerQuestions } from "../ledger/questions/ledger-questions.ts";
import { LastLook } from "../ledger/revocation/last-look.ts";
import type { RevocationStore } from "../ledger/revocation/revocation-store.ts";
import { type ListKeys, type OpenListKeys, openListKeys, openTokenIds } from "./list-keys.ts";
import { signedList } from "./list-token.ts";
import type { LiveList, StatusListStore } from "./status-list-store.ts";
import { LISTS_PATH, type ListId, listUri } from "./status-place.ts";
import { StoppedPlaces } from "./stopped-places.ts";
import type { TokenIds } from "./token-ids.ts";

export interface ViewDeps {
  readonly store: Pick<StatusListStore, "live">;
  readonly keys: ListKeys;
  readonly revocations: Pick<RevocationStore, "changes">;
  readonly questions: Pick<LedgerQuestions, "unexpired">;
  readonly clock: Pick<Clock, "now">;
  readonly stopwatch: Stopwatch;
  readonly issuer: string;
  readonly publicUrl: string;
  readonly ttlSeconds: number;
}

/** How often the store is asked for news. */
export const LOOK_EVERY_MS = 1_000;
/** How old the newest look at the store may be for a list to be served: what was revoked this long ago stands in it. */
export const STALE_AFTER_MS = 5_000;
/** Between two looks that a request for an unknown list asks for. */
const NEXT_LOOK_MS = 250;

/** A list as it is served. */
export interface RenderedList {
  readonly token: string;
  readonly gzipped: Buffer;
  /** Of what it says, not of its bytes: replicas that know the same give the same. */
  readonly etag: string;
}

export type AskedList =
  | { readonly kind: "list"; readonly list: RenderedList }
  /** There is none, or no token of it can be live any longer. */
  | { readonly kind: "unknown" }
  /** It is not known what was revoked lately. */
  | { readonly kind: "stale" };

interface Rendered {
  readonly from: string;
  readonly list: Promise<RenderedList>;
}

const zipped = promisify(gzip);

/** The status lists of a store, in the memory of a replica, which reads what is new. */
export class StatusListView {
  readonly #deps: ViewDeps;
  #ids: TokenIds | undefined;
  #keys: OpenListKeys | undefined;
  #stopped: StoppedPlaces | undefined;
  #lists = new Map<ListId, LiveList>();
  readonly #rendered = new Map<ListId, Rendered>();
  #mustBeginAgain = false;
  #look: Promise<void> | undefined;
  readonly #lastLook: LastLook;
  #triedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: ViewDeps) {
    this.#deps = deps;
    this.#lastLook = new LastLook(deps);
  }

  /** What makes the ids of tokens; `undefined`: no look succeeded yet. */
  get ids(): TokenIds | undefined {
    return this.#ids;
  }

  /** The public keys that verify lists; `undefined` as above. */
  get jwks(): readonly PublicJwk[] | undefined {
    return this.#keys?.jwks;
  }

  /** The addresses of all lists; `undefined`: they are not known now. */
  uris(): readonly string[] | undefined {
    if (!this.#isFresh()) return undefined;
    return [...this.#lists.keys()].map((id) => listUri(this.#deps.publicUrl, id));
  }

  /** How many lists may have a live token, and how old the newest look at the store is. */
  figures(): { readonly lists: number; readonly ageMs: number } {
    return { lists: this.#lists.size, ageMs: this.#lastLook.ageMs() };
  }

  /** Reads what is new, once at a time. Rejects as the store does; what was known stays. */
  look(): Promise<void> {
    this.#triedAt = this.#deps.stopwatch.elapsed();
    this.#look ??= this.#read().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  /** A list as it is now: made when it differs from the one before, or that one is a `ttl` old. */
  async list(id: ListId): Promise<AskedList> {
    // Another replica may have begun it a moment ago.
    if (!this.#lists.has(id) && this.#mayLook()) await this.look().catch(() => undefined);
    const found = this.#lists.get(id);
    const [keys, stopped] = [this.#keys, this.#stopped];
    if (!this.#isFresh() || keys === undefined || stopped === undefined) return { kind: "stale" };
    if (found === undefined) return { kind: "unknown" };
    const { version, bytes } = stopped.bitsOf(found);
    const window = Math.floor(this.#deps.clock.now() / this.#deps.ttlSeconds);
    const from = [version, window, keys.kid].join(" ");
    let rendered = this.#rendered.get(id);
    if (rendered?.from !== from) {
      rendered = { from, list: this.#render(id, bytes(), window, keys) };
      this.#rendered.set(id, rendered);
      // One that could not be made is tried again by the next request.
      rendered.list.catch(() => this.#rendered.delete(id));
    }
    return { kind: "list", list: await rendered.list };
  }

  async #render(id: ListId, bytes: Buffer, window: number, keys: OpenListKeys): Promise<RenderedList> {
    const { issuer, publicUrl, ttlSeconds, clock } = this.#deps;
    const uri = listUri(publicUrl, id);
    const aggregationUri = `${publicUrl}${LISTS_PATH}`;
    const facts = { issuer, uri, aggregationUri, bytes, iat: clock.now(), ttlSeconds };
    const token = await signedList(facts, keys);
    const said = createHash("sha256")
      .update(`${id} ${String(window)} ${keys.kid} `)
      .update(bytes);
    return { token, gzipped: await zipped(token), etag: `W/"${said.digest("base64url")}"` };
  }

  async #read(): Promise<void> {
    const { store, keys, revocations, questions, clock } = this.#deps;
    const look = this.#lastLook.begin();
    // Lists that were not live by a clock that was ahead have lost their bits.
    if (look.isAgain) this.#mustBeginAgain = true;
    const ids = this.#ids ?? (await openTokenIds(keys));
    this.#ids = ids;
    this.#keys = await openListKeys(keys, this.#keys);
    const begin = (): StoppedPlaces =>
      new StoppedPlaces({ revocations, questions, ids, now: () => clock.now() });
    let stopped = this.#stopped ?? begin();
    if ((await stopped.look()) === "begin_again") this.#mustBeginAgain = true;
    if (this.#mustBeginAgain) {
      stopped = begin();
      await stopped.look();
      this.#mustBeginAgain = false;
      this.#rendered.clear();
    }
    // After the revocations: a token that they stop stands in a list that is there by now.
    const lists = await store.live();
    stopped.keepOnly(lists);
    this.#stopped = stopped;
    this.#lists = new Map(lists.map((list) => [list.id, list]));
    for (const id of this.#rendered.keys()) if (!this.#lists.has(id)) this.#rendered.delete(id);
    this.#lastLook.end(look);
  }

  #mayLook(): boolean {
    return (this.#deps.stopwatch.elapsed() - this.#triedAt) * 1_000 >= NEXT_LOOK_MS;
  }

  #isFresh(): boolean {
    return this.#lastLook.ageMs() <= STALE_AFTER_MS;
  }
}
