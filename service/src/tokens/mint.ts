import type { Caller } from "../callers/caller.ts";
import type { Clock, EpochSeconds } from "../kernel/clock.ts";
import { newJti, type Sender } from "../kernel/ids.ts";
import type { Random } from "../kernel/random.ts";
import { type Steps, stepsOf } from "../kernel/steps.ts";
import type { Timers } from "../kernel/timers.ts";
import type { KeyDirectory, KeyUsage } from "../keys/key-directory.ts";
import type { SigningKey } from "../keys/key-view.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { MintLimited } from "../limits/limit-reason.ts";
import type { Decision, Rejection } from "../policy/decide.ts";
import type { ScopeField } from "../scopes/scopes.ts";
import { type ScopeSurprise, surprisesIn } from "../scopes/surprises.ts";
import type { StatusSupply, TokenStatus } from "../status-lists/index-supply.ts";
import { type CheckedClaims, checkClaims, claimsOf, type TokenRules } from "./claims.ts";
import { decisionOn, type Entitlement, entitledTo, type PolicyInForce } from "./entitlement.ts";
import type { IssuedTokens } from "./issued-tokens.ts";
import { type MintContext, mintFactsOf, recordedCaller } from "./mint-facts.ts";
import type { MintRequest } from "./mint-request.ts";
import { boundedByParent, checkUnder, type Place, type PlaceRefusal, placeOf } from "./parent.ts";
import { type SigningInput, signed, signingInputOf, tokenBytes } from "./signing-input.ts";
import { TOKEN_BYTES_MAX } from "./token-size.ts";

export interface MintDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: KeyDirectory;
  /** Is notified of each signature before it is made; `undefined` when nothing counts them. */
  readonly usage: KeyUsage | undefined;
  readonly rules: TokenRules;
  /** Records each token before it leaves; `undefined`: nothing is recorded. */
  readonly ledger?: Ledger | undefined;
  /** For a sender that was revoked in this second. */
  readonly timers: Pick<Timers, "delay">;
  /** What a parent is verified with; `undefined` as above. */
  readonly issued?: IssuedTokens | undefined;
  /** Notes how long each step takes; `undefined`: nobody looks. */
  readonly steps?: Steps | undefined;
  /** Gives each token a bit of a status list; `undefined`: there are none. */
  readonly statuses?: StatusSupply | undefined;
}

/** A signed token and what the caller should know of it, or why there is none. */
export type MintOutcome =
  | {
      readonly kind: "minted";
      readonly token: string;
      readonly claims: CheckedClaims;
      /** Who had it minted. */
      readonly caller: Caller;
      /** What the policy says of it, whether it is enforced or not; `undefined`: there is none, or none for this caller. */
      readonly decision: Decision | undefined;
      readonly kid: SigningKey["kid"];
      readonly surprises: readonly ScopeSurprise[];
      /** The scope fields in which its parent gives less than was asked for. */
      readonly narrowed: readonly ScopeField[];
    }
  | { readonly kind: "rejected"; readonly refusal: MintRefusal };

/** Why a well-formed request gets no token. */
export type MintRefusal =
  /** The policy in force does not allow it. `rejection`: its reason; `undefined`: nobody proved who calls. */
  | { readonly reason: "not_allowed"; readonly rejection: Rejection | undefined }
  | { readonly reason: "token_too_large"; readonly bytes: number; readonly bytesMax: number }
  | { readonly reason: "no_signing_key" }
  /** Its entry is not known to be on the disk. */
  | { readonly reason: "ledger_unavailable" }
  /** Too many entries wait already. */
  | { readonly reason: "busy" }
  /** Its sender, its parent or its run was revoked before it left. */
  | { readonly reason: "revoked" }
  /** Its sender or its caller was revoked, and may have tokens again in the second after. */
  | { readonly reason: "revoked_lately" }
  | PlaceRefusal
  | MintLimited;

/** Asked once a caller is entitled to a token: why it is not minted now; `undefined`: it is. */
export type Admit = (
  caller: Caller,
  sender: Sender,
) => MintLimited | undefined | Promise<MintLimited | undefined>;

/**
 * Mints one token (RFC 7519, RFC 7515 compact form): find the key, decide what the caller may have, ask whether it may have one more
 * now, write the claims, check them, sign and record side by side. A request that the policy rejects takes nothing from the limits: else a caller could use up
 * those of a sender that it may not speak for.
 */
export async function mint(
  deps: MintDeps,
  caller: Caller,
  request: MintRequest,
  inForce: PolicyInForce,
  admit?: Admit,
  context?: MintContext,
): Promise<MintOutcome> {
  const steps = stepsOf(deps);
  const before = steps.step("key", () => readyToSign(deps));
  if (before === undefined) return rejected({ reason: "no_signing_key" });

  const { decision, entitled } = steps.step("decide", () => {
    const made = decisionOn(inForce, caller, request, before.signing.signer.alg);
    return { decision: made, entitled: entitledTo(inForce, made, request, deps.rules) };
  });
  if (entitled === undefined)
    return rejected({
      reason: "not_allowed",
      rejection: decision?.kind === "rejected" ? decision : undefined,
    });

  if (admit !== undefined) {
    const limited = await steps.step("admit", () => admit(caller, request.sender));
    if (limited !== undefined) return rejected(limited);
  }
  const placed = await steps.step("parent", () => placeOf(deps.issued, request, entitled.audience));
  if (placed.kind === "rejected") return rejected(placed.refusal);
  if (!(await steps.step("wait", () => isFree(deps, caller, request.sender))))
    return rejected({ reason: "revoked_lately" });
  // Time may have passed, and the key may sign no more.
  const ready = await readyWithStatus(deps);
  if (typeof ready === "string") return rejected({ reason: ready });

  return issue(deps, { caller, request, decision, entitled, ready, place: placed.place }, context);
}

/** The clock of the store, which cuts off, may be a little ahead. */
const FREE_MS_MAX = 2_000;

/**
 * Resolves when a token of now is not stopped by what its sender or its caller was revoked for: tokens are distinguished by the second.
 * `false`: not soon.
 */
async function isFree({ ledger, clock, timers }: MintDeps, caller: Caller, sender: Sender): Promise<boolean> {
  if (ledger === undefined) return true;
  const token = { sub: sender, caller: recordedCaller(caller) };
  const patienceEnds = clock.nowMs() + FREE_MS_MAX;
  for (;;) {
    const first = ledger.revocations.firstFreeSecond(token);
    if (first === undefined || first <= clock.now()) return true;
    if (first * 1_000 > patienceEnds) return false;
    await timers.delay(first * 1_000 - clock.nowMs()).over;
  }
}

/** What was decided about a token. */
interface Decided {
  readonly caller: Caller;
  readonly request: MintRequest;
  readonly decision: Decision | undefined;
  readonly entitled: Entitlement;
  readonly ready: Ready;
  readonly place: Place;
}

/** Writes the claims, checks them, and signs and records the token side by side: it leaves when both are done. */
async function issue(
  deps: MintDeps,
  decided: Decided,
  context: MintContext | undefined,
): Promise<MintOutcome> {
  const {
    caller,
    request,
    decision,
    ready,
    ready: { signing },
    place,
  } = decided;
  const steps = stepsOf(deps);
  const written = steps.step("claims", () => writtenFor(deps, decided));
  if (written === undefined) return rejected({ reason: "parent_invalid", why: "not_live" });
  const { claims, narrowed, input } = written;
  const bytes = tokenBytes(signing, input);
  if (bytes > TOKEN_BYTES_MAX)
    return rejected({ reason: "token_too_large", bytes, bytesMax: TOKEN_BYTES_MAX });

  deps.usage?.noteSigned(signing.kid, claims.exp);
  const { ledger } = deps;
  const recording =
    context &&
    ledger &&
    steps.step("record", () =>
      ledger.recordMint(
        mintFactsOf(caller, request, decision, context, {
          signing,
          claims,
          input,
          status: ready.status?.place,
          place,
          narrowed,
        }),
        place.parent?.facts,
      ),
    );
  const token = await steps.step("sign", () => signed(signing, input));
  const release = await recording;
  if (release !== undefined && release !== "released") return rejected({ reason: REASONS[release] });

  const surprises = surprisesIn(request.scopes);
  return { kind: "minted", token, claims, caller, decision, kid: signing.kid, surprises, narrowed };
}

/** The checked claims of a token, and the bytes that are signed; `undefined` as below. */
function writtenFor(
  deps: MintDeps,
  decided: Decided,
): (NonNullable<ReturnType<typeof claimsFor>> & { readonly input: SigningInput }) | undefined {
  const written = claimsFor(deps, decided);
  return written && { ...written, input: signingInputOf(decided.ready.signing, written.claims) };
}

/** The checked claims of a token, bounded by its parent, if it has one; `undefined`: the parent has expired meanwhile. */
function claimsFor(
  { random, rules: ofAll }: MintDeps,
  { request: { sender }, entitled, ready: { now, left, status }, place: { parent } }: Decided,
): { readonly claims: CheckedClaims; readonly narrowed: readonly ScopeField[] } | undefined {
  const rules = rulesFor(entitled.audience, ofAll);
  const { scopes, narrowed } =
    parent === undefined
      ? { scopes: entitled.scopes, narrowed: NOTHING_NARROWED }
      : boundedByParent(entitled.scopes, parent);
  const ttlSeconds = Math.min(entitled.ttlSeconds, left, (parent?.exp ?? Number.POSITIVE_INFINITY) - now);
  if (ttlSeconds < 1) return undefined;
  const claims = checkClaims(
    claimsOf(rules, {
      sender,
      scopes,
      jti: status?.idAt(now) ?? newJti(random, now),
      iat: now,
      ttlSeconds,
      status: status?.claim,
    }),
    rules,
  );
  if (parent !== undefined) checkUnder(claims, parent);
  return { claims, narrowed };
}

const NOTHING_NARROWED: readonly ScopeField[] = [];

/** Why a token that is signed must not leave. */
const REASONS = { unavailable: "ledger_unavailable", busy: "busy", stopped: "revoked" } as const;

/** The key that signs now, and how many seconds it has left: a token never outlives its key. */
interface Ready {
  readonly signing: SigningKey;
  readonly now: EpochSeconds;
  readonly left: number;
  /** Of a list of this key's tokens; `undefined`: there are no lists. */
  readonly status?: TokenStatus;
}

/** The same and, where there are lists, an index, which is waited for only when none is at hand: the key may have changed meanwhile. */
async function readyWithStatus(
  deps: MintDeps,
): Promise<Ready | Extract<MintRefusal["reason"], "no_signing_key" | "ledger_unavailable">> {
  const { statuses } = deps;
  for (;;) {
    const before = readyToSign(deps);
    if (before === undefined) return "no_signing_key";
    if (statuses === undefined) return before;
    const { kid } = before.signing;
    const status = await stepsOf(deps).step("index", () => statuses.take(kid));
    if (status === undefined) return "ledger_unavailable";
    const ready = readyToSign(deps);
    if (ready?.signing.kid === kid) return { ...ready, status };
  }
}

function readyToSign(deps: MintDeps): Ready | undefined {
  const now = deps.clock.now();
  const { signing } = deps.keys.view();
  if (signing === undefined) return undefined;
  const left = (signing.notAfter ?? Number.POSITIVE_INFINITY) - now;
  return left < 1 ? undefined : { signing, now, left };
}

function rejected(refusal: MintRefusal): MintOutcome {
  return { kind: "rejected", refusal };
}

/** The rules of all tokens, for an audience that a policy granted. */
function rulesFor(audience: string, rules: TokenRules): TokenRules {
  return audience === rules.audience ? rules : { ...rules, audience };
}
