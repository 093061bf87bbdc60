import { type CallerId, parseCallerId } from "../../../callers/caller.ts";
import type { AccessText } from "../../../config/access/access-schema.ts";
import type { AccessFault } from "../../../config/access/read-yaml.ts";
import { Impossible } from "../../../kernel/assert.ts";
import { type LimitPlan, planOf } from "../../../limits/limit-plan.ts";
import { parseRate, type Rate } from "../../../limits/rate.ts";

type LimitText = NonNullable<NonNullable<AccessText["limits"]>["caller"]>;

/** The limits of a document; `undefined`: it has none. */
export function limitsOf({ limits, callers }: AccessText, faults: AccessFault[]): LimitPlan | undefined {
  const own = Object.entries(callers).flatMap(([name, { limit }]) =>
    limit === undefined ? [] : [{ name, rate: rateOf(limit) }],
  );
  if (limits === undefined) {
    for (const { name } of own)
      faults.push({
        place: ["callers", name, "limit"],
        text: "has no effect without a section limits; add it, for example: limits: {mode: observe}",
      });
    return undefined;
  }
  return planOf({
    mode: limits.mode,
    address: rateOf(limits.address),
    caller: rateOf(limits.caller),
    callers: new Map(own.flatMap(({ name, rate }) => entryOf(name, rate))),
    sender: rateOf(limits.sender),
    global: rateOf(limits.global),
    oneCallerPercent: limits.one_caller,
    failuresPerAddress: rateOf(limits.failures_per_address),
    failuresPerCredential: limits.failures_per_credential,
    connectionsPerAddress: limits.connections_per_address,
  });
}

/** The schema has read each of them, with the same function. */
function rateOf(text: LimitText): Rate;
function rateOf(text: LimitText | undefined): Rate | undefined;
function rateOf(text: LimitText | undefined): Rate | undefined {
  if (text === undefined) return undefined;
  const { rate, burst } = typeof text === "string" ? { rate: text, burst: undefined } : text;
  const read = parseRate(rate, burst);
  if (read === undefined) throw new Impossible(`the schema accepted the rate ${rate}`);
  return read;
}

function entryOf(name: string, rate: Rate): [CallerId, Rate][] {
  const id = parseCallerId(name);
  return id === undefined ? [] : [[id, rate]];
}
