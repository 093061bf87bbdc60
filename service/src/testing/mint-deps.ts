import { createHash } from "node:crypto";
import type { Random } from "../kernel/random.ts";
import { LiveKeys } from "../keys/given/live-keys.ts";
import { ringAtBoot } from "../keys/given/plan-file-change.ts";
import { signersFor } from "../keys/given/signers-for.ts";
import type { MintDeps } from "../tokens/mint.ts";
import { type MintRequest, parseMintRequest } from "../tokens/mint-request.ts";
import { TestClock } from "./moments.ts";
import { testKey } from "./test-keys.ts";
import { TestTimers } from "./test-timers.ts";

/** Bytes that differ at each call and are the same in each run. */
export function countingRandom(): Random {
  let count = 0;
  return {
    bytes(size) {
      count += 1;
      return createHash("shake256", { outputLength: size }).update(String(count)).digest();
    },
  };
}

/** The request in this body, which is valid. */
export function mintRequest(body: object): MintRequest {
  const text = JSON.stringify(body);
  const parsed = parseMintRequest(JSON.parse(text), text, "ignored");
  if (parsed.kind === "invalid") throw new Error(parsed.invalid.reason);
  return parsed.request;
}

/** What minting needs, valid by default; override the one thing a test is about. */
export function mintDeps(override: Partial<MintDeps> = {}): MintDeps {
  const clock = new TestClock();
  const keys = [testKey("signing")];
  return {
    clock,
    random: countingRandom(),
    keys: new LiveKeys(ringAtBoot(keys, clock.now()), signersFor(keys), clock),
    usage: undefined,
    timers: new TestTimers(),
    rules: {
      issuer: "macp-auth-service",
      audience: "macp-runtime",
      defaultTtlSeconds: 300,
      maxTtlSeconds: 3600,
    },
    ...override,
  };
}
