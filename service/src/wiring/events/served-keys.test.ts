import { sign, verify } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import { epochMs } from "../../kernel/clock.ts";
import { sealingWith } from "../../keys/custody/sealing.ts";
import type { PublicJwk } from "../../keys/public-jwk.ts";
import { type PurposeKeys, purposeKeys } from "../../keys/purposes/purpose-keys.ts";
import { memoryPurposeKeys } from "../../stores/memory/purpose-keys.ts";
import { keksUnder } from "../../testing/custodies.ts";
import { LEAD_SECONDS, REFRESH_SECONDS, type ServedKeys, servedKeys } from "./served-keys.ts";

/** How long a receiver keeps a set. */
const KEPT_SECONDS = 60;

let now: number;
let keys: PurposeKeys;
const nowMs = () => epochMs(now * 1_000);
const replica = (): ServedKeys => servedKeys(keys, { stopwatch: { elapsed: () => now }, nowMs });

beforeEach(() => {
  now = 1_000;
  const sealing = sealingWith(keksUnder(1));
  keys = purposeKeys({ purpose: "events", store: memoryPurposeKeys(), sealing, nowMs });
});

function kids(set: string | undefined): readonly string[] {
  return (JSON.parse(set ?? "") as { keys: readonly PublicJwk[] }).keys.map(({ kid }) => kid);
}

/** Signs by one replica, and verifies with the set that a receiver has. */
function isVerified(signer: ServedKeys, set: string): boolean {
  const { kid = "", privateKey } = signer.signer() ?? {};
  const { keys: known } = JSON.parse(set) as { keys: readonly PublicJwk[] };
  const jwk = known.find((one) => one.kid === kid);
  if (jwk === undefined || privateKey === undefined) return false;
  const signature = sign("sha256", Buffer.from("event"), privateKey);
  return verify("sha256", Buffer.from("event"), { key: { ...jwk }, format: "jwk" }, signature);
}

test("the first key signs as soon as it is there", async () => {
  const one = replica();
  expect(one.signer()).toBeUndefined();
  await one.refresh();
  expect(isVerified(one, one.jwks() ?? "")).toBe(true);
});

test("before, during and after a rotation each event verifies with a set that any replica served within its cache time", async () => {
  const replicas = [replica(), replica()];
  /** What receivers may still have, with when they can have fetched it last. */
  const sets = new Map<string, number>();
  let rotated = "";
  const signed = new Set<string>();
  for (let second = 0; second < 400; second += 1) {
    now += 1;
    if (second === 103) rotated = await keys.rotate();
    for (const [index, one] of replicas.entries())
      if (second % REFRESH_SECONDS === index * 7) await one.refresh();
    for (const one of replicas) sets.set(one.jwks() ?? "", now);
    for (const [set, at] of sets) if (set === "" || now - at > KEPT_SECONDS) sets.delete(set);
    if (second < REFRESH_SECONDS) continue;
    for (const one of replicas) {
      expect([...sets.keys()].map((set) => isVerified(one, set))).not.toContain(false);
      signed.add(one.signer()?.kid ?? "");
    }
  }
  expect(signed.size).toBe(2);
  for (const one of replicas) {
    expect(one.signer()?.kid).toBe(rotated);
    expect(kids(one.jwks())).toHaveLength(2);
  }
});

test("a replica that starts during a rotation signs nothing until receivers know the new key, and then with it", async () => {
  await replica().refresh();
  const rotated = await keys.rotate();
  now += 30;
  const late = replica();
  await late.refresh();
  now += LEAD_SECONDS - 31;
  expect(late.signer()).toBeUndefined();
  now += 1;
  expect(late.signer()?.kid).toBe(rotated);
  now += 1_000;
  const later = replica();
  await later.refresh();
  expect(later.signer()?.kid).toBe(rotated);
});

test("of two rotations in a row only the last key signs, and the first one signs until then", async () => {
  const one = replica();
  await one.refresh();
  const first = one.signer()?.kid;
  await keys.rotate();
  await one.refresh();
  now += LEAD_SECONDS - 1;
  const last = await keys.rotate();
  await one.refresh();
  now += LEAD_SECONDS - 1;
  expect(one.signer()?.kid).toBe(first);
  now += 1;
  expect(one.signer()?.kid).toBe(last);
});
