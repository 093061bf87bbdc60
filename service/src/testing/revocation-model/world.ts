import { provedCaller } from "../../callers/caller.ts";
import { epochSeconds } from "../../kernel/clock.ts";
import { type Jti, newJti, type RequestId, type Sender } from "../../kernel/ids.ts";
import { systemRandom } from "../../kernel/random.ts";
import { StoreUnavailable } from "../../kernel/store-faults.ts";
import { type ChainName, hashOf, type LinkedEntry } from "../../ledger/chain.ts";
import { type SelectorBody, selectorIn } from "../../ledger/revocation/operator-shapes.ts";
import { preview, revoke, undo } from "../../ledger/revocation/revoke.ts";
import type { Selector } from "../../ledger/revocation/selector.ts";
import { checkClaims, claimsOf } from "../../tokens/claims.ts";
import { NO_POLICY } from "../../tokens/entitlement.ts";
import { type MintOutcome, type MintRefusal, mint } from "../../tokens/mint.ts";
import { parseMintRequest } from "../../tokens/mint-request.ts";
import { signed, signingInputOf } from "../../tokens/signing-input.ts";
import { verify } from "../../tokens/verify.ts";
import { callerId } from "../callers.ts";
import { mintFacts } from "../ledger-entries.ts";
import type { NoteRecorded, SharedStores } from "./link.ts";
import { Oracle, type RecordedToken } from "./oracle.ts";
import { LIFE_SECONDS_MAX, ModelKeys, type Mutate, Replica, RULES } from "./replica.ts";
import type { ModelTime } from "./time.ts";

const FRESH_MS_MAX = 1_000;
/** How many tokens stand above one that outlives its parent: its own children may be recorded. */
const DEPTH = 2;
const REQUEST = { request_id: "r" as RequestId };
const BY = { caller: callerId("ops"), request: REQUEST };

/** What is asked for. `parent`: the number of a token that left. */
export interface Asked {
  readonly sender: string;
  readonly caller: string;
  readonly run?: string | undefined;
  readonly ttlSeconds: number;
  readonly parent?: Left | undefined;
}

/** A token that left. */
export interface Left {
  readonly token: RecordedToken;
  readonly text: string;
}

/** Where a world is: what both replicas share, as each of them opened it, and its time. */
export interface WorldPlace {
  readonly time: ModelTime;
  readonly stores: readonly [SharedStores, SharedStores];
  /** How many revocations the store has already. */
  readonly epoch: number;
}

/** Two replicas on one store, and what must be true of their answers. */
export class World {
  readonly time: ModelTime;
  readonly replicas: readonly [Replica, Replica];
  readonly oracle: Oracle;
  readonly left: Left[] = [];
  readonly keys: ModelKeys;
  /** The last number before this world. */
  readonly firstEpoch: number;
  /** What was to be stopped last. */
  lastBody: SelectorBody = { sender: "agent://nobody" };
  readonly #stores: SharedStores;
  readonly #entries: LinkedEntry[] = [];

  constructor(place: WorldPlace, aheadSeconds: number, mutate: Mutate = () => ({})) {
    this.time = place.time;
    this.keys = new ModelKeys(place.time);
    this.oracle = new Oracle(place.epoch);
    this.firstEpoch = place.epoch;
    this.#stores = place.stores[0];
    const recorded: NoteRecorded = (tokens, entries) => {
      this.oracle.tokens.push(...tokens);
      this.#entries.push(...entries);
    };
    const [one, other] = place.stores;
    const { time, keys } = this;
    this.replicas = [
      new Replica("a", { time, keys, mutate, recorded, stores: one }, 0),
      new Replica("b", { time, keys, mutate, recorded, stores: other }, aheadSeconds),
    ];
  }

  get now(): number {
    return Math.floor(this.time.ms / 1_000);
  }

  /** Asks for a token as `POST /tokens` does. */
  async mint(replica: Replica, asked: Asked): Promise<void> {
    (await this.ask(replica, asked))();
  }

  /** The same; the answer is judged when the function is called. */
  async ask(replica: Replica, asked: Asked): Promise<() => void> {
    const [before, knew] = [this.#answer(replica, asked.parent), replica.link.look?.epoch ?? -1];
    const outcome = await this.#minted(replica, asked);
    return () => {
      this.#judge(outcome, replica, asked, { before, knew });
    };
  }

  #judge(
    outcome: MintOutcome | "store_unavailable",
    replica: Replica,
    asked: Asked,
    { before, knew }: { readonly before: string; readonly knew: number },
  ): void {
    if (outcome === "store_unavailable") this.#mustBeAway(replica, "a mint");
    else if (outcome.kind === "minted") this.#leave(outcome.claims.jti, outcome.token);
    else this.#judgeRefusal(outcome.refusal.reason, replica, asked, { before, knew });
  }

  #judgeRefusal(
    reason: MintRefusal["reason"],
    replica: Replica,
    asked: Asked,
    { before, knew }: { readonly before: string; readonly knew: number },
  ): void {
    const candidate = this.#candidate(replica, asked);
    const stopped = [knew, this.oracle.epoch].some((epoch) => this.oracle.isBarred(candidate, epoch));
    const isRight =
      (reason === "revoked" && stopped) ||
      (reason === "revoked_lately" && stopped) ||
      (reason === "revocations_stale" && before === "unavailable") ||
      (reason === "parent_invalid" && (isDead(before) || isDead(this.#answer(replica, asked.parent)))) ||
      (reason === "ledger_unavailable" && this.#isAway(replica));
    if (!isRight) throw new Error(`a mint was rejected without a reason: ${reason}`);
  }

  /** A child that outlives its parent: `mint` makes none, and a cascade must not depend on that. */
  async outlive(replica: Replica, left: Left): Promise<void> {
    const { token: parent } = left;
    const above = this.oracle.tokens.find(({ jti }) => jti === parent.parent);
    const { signing } = this.keys.view();
    const iat = epochSeconds(replica.now());
    // As long as the one above its parent at most: what is above all of them is found by all that stops them.
    const exp = epochSeconds(Math.min(above?.exp ?? 0, iat + LIFE_SECONDS_MAX));
    const isLive = this.#answer(replica, left) === "live" && signing?.kid === parent.kid;
    if (!isLive || exp <= iat) return;
    const [jti, sender, run] = [newJti(systemRandom(), iat), parent.sender as Sender, parent.run];
    const [under, root] = [parent.jti as Jti, parent.root as Jti];
    const place = { caller: callerId(parent.caller), run, parent: under, root, depth: DEPTH };
    const facts = mintFacts(jti, { kid: signing.kid, sender, iat, exp, ...place });
    const parentFacts = { jti: under, sub: sender, kid: signing.kid, iat: epochSeconds(parent.iat) };
    if ((await replica.life.mint.ledger?.recordMint(facts, parentFacts)) !== "released") return;
    const claims = claimsOf(RULES, { sender, scopes: {}, jti, iat, ttlSeconds: exp - iat });
    this.#leave(jti, await signed(signing, signingInputOf(signing, checkClaims(claims, RULES))));
  }

  /** Stops what a body of the admin listener names. */
  async revoke(replica: Replica, body: SelectorBody): Promise<void> {
    const selector = selectorIn(body);
    if (selector === undefined) throw new Error(`${JSON.stringify(body)} names nothing`);
    this.lastBody = body;
    if (selector.kind === "kid") this.keys.revoke(selector.kid);
    const { link } = replica;
    link.changedAtMs = undefined;
    const outcome = await revoke(replica.life.revocation, selector, BY, "model");
    const { changedAtMs } = link as { changedAtMs: number | undefined };
    const reach = this.oracle.reach(selector, Math.floor((changedAtMs ?? this.time.ms) / 1_000));
    if (changedAtMs !== undefined) this.oracle.revoke(selector, changedAtMs);
    if (outcome.kind === "unavailable") this.#mustBeAway(replica, "a revocation");
    else same("a revocation", outcome, { kind: "revoked", ...reach, epoch: this.oracle.epoch });
  }

  /** Takes the revocation with this number back, which may be none. */
  async undo(replica: Replica, epoch: number): Promise<void> {
    const { link } = replica;
    link.changedAtMs = undefined;
    const outcome = await undo(replica.life.revocation, epoch, BY, "model");
    const { changedAtMs } = link as { changedAtMs: number | undefined };
    // Nothing was asked of the store when none stands.
    const mayStand = changedAtMs !== undefined || outcome.kind !== "unavailable";
    const stood = mayStand && this.oracle.undo(epoch, changedAtMs ?? 0);
    if (outcome.kind === "unavailable") this.#mustBeAway(replica, "an undo");
    else same("an undo", outcome.kind, stood ? "undone" : "unknown");
    if (outcome.kind === "undone") same("the number of an undo", outcome.epoch, this.oracle.epoch);
  }

  /** What a revocation would stop now. */
  async preview(replica: Replica, selector: Selector): Promise<void> {
    const reach = await preview(replica.life.revocation.store, selector).catch(unlessAway);
    if (reach === undefined) this.#mustBeAway(replica, "a preview");
    else same("a preview", reach, this.oracle.reach(selector, this.now));
  }

  async look(replica: Replica): Promise<void> {
    await replica.life.view.poll().catch(unlessAway);
  }

  /** Every answer of every replica about every token is the one that the list gives. */
  async check(): Promise<void> {
    for (const replica of this.replicas)
      for (const one of this.left) {
        const outcome = await verify(replica.life.verify, one.text);
        const given = outcome.kind === "not_live" ? outcome.reason : outcome.kind;
        const { jti, iat } = one.token;
        const about = `what ${replica.name} says of ${jti} of ${String(iat)}`;
        same(about, given, this.#answer(replica, one));
        if (given === "live") this.#mustNotBeLate(one.token, about);
      }
  }

  /** Every token that left has one entry, and every chain is whole. */
  async end(): Promise<void> {
    const chains = new Map<ChainName, LinkedEntry>();
    for (const entry of this.#entries) chains.set(entry.chain, entry);
    const found: string[] = [];
    for (const [chain, last] of chains) {
      let prev: Parameters<typeof hashOf>[0] = "";
      for (const { body, hash } of await this.#stores.ledger.entriesOf(chain, 0, 10_000)) {
        prev = hashOf(prev, body);
        same(`a hash of the chain ${chain}`, hash, prev);
        const { kind, jti } = JSON.parse(body) as { readonly kind: string; readonly jti: string };
        if (kind === "mint") found.push(jti);
      }
      same(`the end of the chain ${chain}`, prev, last.hash);
    }
    for (const { token } of this.left)
      same(`entries of ${token.jti}`, found.filter((jti) => jti === token.jti).length, 1);
  }

  /** What a replica must say of a token: nothing but its own newest look, and how old that is, decides. */
  #answer({ now, link: { look } }: Replica, left: Left | undefined): string {
    if (left === undefined) return "live";
    if (left.token.exp <= now()) return "expired";
    if (look === undefined) return "unavailable";
    if (this.oracle.isStopped(left.token, look.epoch)) return "revoked";
    return this.time.ms - look.beganMs <= FRESH_MS_MAX ? "live" : "unavailable";
  }

  /** Whatever a replica knows: what has been stopped for more than a second is live nowhere. */
  #mustNotBeLate(token: RecordedToken, about: string): void {
    const { oracle } = this;
    const known = oracle.changes.filter(({ atMs }) => atMs < this.time.ms - FRESH_MS_MAX).length;
    const since = oracle.epoch - oracle.changes.length + known;
    for (let epoch = since; epoch <= oracle.epoch; epoch += 1) if (!oracle.isStopped(token, epoch)) return;
    throw new Error(`${about}: live more than a second after it was stopped`);
  }

  async #minted(replica: Replica, { sender, caller, run, ttlSeconds, parent }: Asked) {
    const text = JSON.stringify({ sender, run, ttl_seconds: ttlSeconds, parent: parent?.text });
    const parsed = parseMintRequest(JSON.parse(text), text, "ignored", true);
    if (parsed.kind === "invalid") throw new Error(parsed.invalid.reason);
    const by = provedCaller({
      ...{ kind: "declared", id: callerId(caller), proof: "shared_secret", claims: {}, role: undefined },
    });
    const context = { policy: undefined, request: REQUEST };
    const outcome = mint(replica.life.mint, by, parsed.request, NO_POLICY, undefined, context);
    return outcome.catch((thrown: unknown): MintOutcome | "store_unavailable" => {
      unlessAway(thrown);
      return "store_unavailable";
    });
  }

  /** A token left: it must have an entry, and nothing that was made before that entry stops it. */
  #leave(id: string, text: string): void {
    const token = this.oracle.tokens.find(({ jti }) => jti === id);
    if (token === undefined) throw new Error("a token left without an entry");
    if (this.oracle.isBarred(token, token.epoch)) throw new Error(`${id} left though it was stopped`);
    this.left.push({ token, text });
  }

  /** The token that was asked for, if it had been made. */
  #candidate({ now }: Replica, { sender, caller, run, parent }: Asked): RecordedToken {
    const { jti, root, run: inherited } = parent?.token ?? {};
    const [iat, kid] = [now(), this.keys.view().signing?.kid ?? ""];
    const [exp, epoch] = [iat + LIFE_SECONDS_MAX, this.oracle.epoch];
    const id = "candidate";
    return {
      jti: id,
      sender,
      caller,
      run: run ?? inherited,
      kid,
      parent: jti,
      root: root ?? id,
      iat,
      exp,
      epoch,
    };
  }

  #isAway({ link }: Replica): boolean {
    return link.isCut || link.loses !== undefined;
  }

  #mustBeAway(replica: Replica, what: string): void {
    if (!this.#isAway(replica)) throw new Error(`${what} was not answered though the store is there`);
  }
}

function isDead(answer: string): boolean {
  return answer === "expired" || answer === "revoked";
}

function unlessAway(thrown: unknown): undefined {
  if (thrown instanceof StoreUnavailable) return undefined;
  throw thrown;
}

function same(what: string, given: unknown, expected: unknown): void {
  const [one, other] = [given, expected].map((value) => JSON.stringify(value, sortedKeys));
  if (one !== other) throw new Error(`${what} is ${one ?? ""}, and must be ${other ?? ""}`);
}

function sortedKeys(_key: string, value: unknown): unknown {
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
    : value;
}
