import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type KeyEncryptionKeys, keksOf } from "../../service/src/keys/custody/key-encryption-keys.ts";
import type { KeyStore } from "../../service/src/keys/managed/key-store.ts";
import { isSigning, isStandby } from "../../service/src/keys/managed/managed-key.ts";
import type { RotationRules } from "../../service/src/keys/managed/plan/rotation-rules.ts";
import { rotate } from "../../service/src/keys/managed/rotate.ts";
import { custodyOf, opens } from "../../service/src/testing/custodies.ts";
import { openKeyStore, storeAt } from "../../service/src/testing/store-places.ts";

const KILLS = Number(process.env["E2E_KILLS"] || 40);
const hasStrace = spawnSync("strace", ["-V"]).status === 0;
const ROTATOR = fileURLToPath(new URL("key-rotator.mjs", import.meta.url));

/** Everything is due at once and no bound takes time, so that every durable write belongs to a rotation. */
const rules: RotationRules = {
  alg: "ES256",
  periodSeconds: 0,
  leadSeconds: 0,
  gate: "off",
  timing: {
    maxTtlSeconds: 0,
    jwksMaxAgeSeconds: 0,
    verifierTtlSeconds: 0,
    verifierGraceSeconds: 0,
    replicaLagSeconds: 0,
    fetchSeconds: 0,
    clockSkewSeconds: 0,
    expLeewaySeconds: 0,
    verifierClockSeconds: 0,
  },
};

interface Seen {
  readonly version: number;
  readonly active?: string;
}

/** Rotates until the N-th durable write of the process, and kills it there. Gives what it had acknowledged. */
function rotateUntilKilled(
  url: string,
  kek: Buffer,
  nth: number,
): Promise<{ seen: readonly Seen[]; killed: boolean }> {
  const inject = [
    "-e",
    "trace=fdatasync,fsync",
    "-e",
    `inject=fdatasync,fsync:signal=KILL:when=${String(nth)}`,
  ];
  const args = [
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    ...inject,
    process.execPath,
    ROTATOR,
    url,
    kek.toString("hex"),
    JSON.stringify(rules),
    "60",
  ];
  return new Promise((resolve, reject) => {
    const child = spawn("strace", args, { stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const whole = out
        .slice(0, out.lastIndexOf("\n") + 1)
        .split("\n")
        .filter((line) => line !== "");
      resolve({
        seen: whole.map((line) => JSON.parse(line) as Seen),
        killed: signal === "SIGKILL" || code === 137,
      });
    });
  });
}

async function expectIntactStore(
  store: KeyStore,
  keks: KeyEncryptionKeys,
  acknowledged: Seen | undefined,
): Promise<void> {
  const custody = custodyOf(keks);
  const found = await store.load();
  expect(found.version).toBeGreaterThanOrEqual(acknowledged?.version ?? 0);
  if (acknowledged?.active !== undefined)
    expect(found.keys.map((key) => key.kid)).toContain(acknowledged.active);
  // Whatever the kill left behind, two rounds without an operator lead to a signing key and its successor.
  for (let round = 0; round < 2; round += 1) await rotate({ store, custody, rules });
  const { keys } = await store.load();
  expect(keys.filter(isSigning)).toHaveLength(1);
  expect(keys.filter(isStandby).length).toBeGreaterThanOrEqual(1);
  for (const key of keys.filter((one) => isSigning(one) || isStandby(one)))
    expect(await opens(custody, key)).toBe(true);
}

if (!hasStrace && process.env["CI"] === "true")
  throw new Error("strace is not installed, and in CI nothing is skipped");

describe.skipIf(!hasStrace)(
  "a process that is killed at its N-th durable write (skipped where strace is not installed)",
  () => {
    test(`for every N from 1 to ${String(KILLS)}: nothing acknowledged is lost, and it recovers by itself`, {
      timeout: 600_000,
    }, async () => {
      let killed = 0;
      for (let nth = 1; nth <= KILLS; nth += 1) {
        const directory = await mkdtemp(join(tmpdir(), "macp-auth-kill-"));
        const url = `sqlite:${join(directory, "keys.db")}`;
        const kek = randomBytes(32);
        const outcome = await rotateUntilKilled(url, kek, nth);
        killed += outcome.killed ? 1 : 0;
        const keks = keksOf([kek]);
        const store = await openKeyStore(storeAt(url), keks);
        await expectIntactStore(store, keks, outcome.seen.at(-1)).finally(() => store.close());
        await rm(directory, { recursive: true });
      }
      console.log(`${String(killed)} kills at durable writes 1 to ${String(KILLS)}`);
      // A run that was never killed would prove nothing.
      expect(killed).toBe(KILLS);
    });
  },
);
