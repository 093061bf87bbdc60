import type { CallerId } from "../callers/caller.ts";
import { type Pace, paceOf, type Rate, shareOf } from "./rate.ts";

/** What a bucket counts by. `share`: the part of the global rate that one caller may use. */
export const SCOPES = ["address", "caller", "share", "sender", "global"] as const;
export type Scope = (typeof SCOPES)[number];

/** A rate, and how the decision calculates with it. */
export interface Limit {
  readonly rate: Rate;
  readonly pace: Pace;
}

/** The limits that are declared; one that is `undefined` is none. */
export interface LimitPlan {
  /** `observe`: everything is minted, and what `enforce` would reject is counted. */
  readonly mode: "observe" | "enforce";
  readonly address: Limit | undefined;
  readonly caller: Limit | undefined;
  /** Of callers that have one of their own. */
  readonly callers: ReadonlyMap<CallerId, Limit>;
  readonly sender: Limit | undefined;
  readonly global: Limit | undefined;
  readonly share: Limit | undefined;
  readonly failuresPerAddress: Limit;
  /** Failed proofs that one shared secret is allowed, in a day. */
  readonly failuresPerCredential: Limit;
  readonly connectionsPerAddress: number | undefined;
}

/** What is declared, as rates. */
export interface LimitRates {
  readonly mode: LimitPlan["mode"];
  readonly address: Rate | undefined;
  readonly caller: Rate | undefined;
  readonly callers: ReadonlyMap<CallerId, Rate>;
  readonly sender: Rate | undefined;
  readonly global: Rate | undefined;
  readonly oneCallerPercent: number;
  readonly failuresPerAddress: Rate;
  readonly failuresPerCredential: number;
  readonly connectionsPerAddress: number | undefined;
}

const DAY_SECONDS = 86_400;

/** The plan of declared rates. */
export function planOf(rates: LimitRates): LimitPlan {
  const { global, oneCallerPercent, failuresPerCredential: tries } = rates;
  return {
    ...rates,
    address: limitOf(rates.address),
    caller: limitOf(rates.caller),
    callers: new Map([...rates.callers].map(([id, rate]) => [id, { rate, pace: paceOf(rate) }])),
    sender: limitOf(rates.sender),
    global: limitOf(global),
    share: limitOf(global && shareOf(global, oneCallerPercent)),
    failuresPerAddress: limitOf(rates.failuresPerAddress),
    failuresPerCredential: limitOf({ count: tries, perSeconds: DAY_SECONDS, burst: tries }),
  };
}

function limitOf(rate: Rate): Limit;
function limitOf(rate: Rate | undefined): Limit | undefined;
function limitOf(rate: Rate | undefined): Limit | undefined {
  return rate && { rate, pace: paceOf(rate) };
}

/** What a token is counted by. */
export interface Counted {
  /** The key of the address (http/limits/address-key.ts). */
  readonly address: string;
  /** `undefined`: nobody proved who calls. */
  readonly caller: CallerId | undefined;
  readonly sender: string;
}

/** One token of one bucket. */
export interface Take {
  readonly scope: Scope;
  readonly key: string;
  readonly limit: Limit;
}

/** What an address takes. */
export function takeOfAddress({ address: limit }: LimitPlan, address: string): readonly Take[] {
  return limit === undefined ? [] : [{ scope: "address", key: address, limit }];
}

/**
 * What a token takes beside that, in the order in which an empty bucket is named. Where nobody proves who calls, an address is one
 * caller: it may not use up the global rate either.
 */
export function takesOfToken(plan: LimitPlan, { address, caller, sender }: Counted): readonly Take[] {
  const takes: Take[] = [];
  const add = (scope: Scope, key: string, limit: Limit | undefined): void => {
    if (limit !== undefined) takes.push({ scope, key, limit });
  };
  if (caller !== undefined) add("caller", caller, plan.callers.get(caller) ?? plan.caller);
  add("share", caller ?? address, plan.share);
  add("sender", sender, plan.sender);
  add("global", "", plan.global);
  return takes;
}
