import { sign, verify } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { epochMs } from "../../kernel/clock.ts";
import { sealingWith } from "../../keys/custody/sealing.ts";
import type { PurposeKeyStore } from "../../keys/purposes/purpose-key-store.ts";
import { type PurposeKeys, purposeKeys } from "../../keys/purposes/purpose-keys.ts";
import { keksUnder } from "../custodies.ts";

/** A place of the keys of two purposes, empty: the first purpose seen by two replicas, which may be one object. */
export interface PurposeKeysPlace {
  readonly replicas: readonly [PurposeKeyStore, PurposeKeyStore];
  /** Of the other purpose. */
  readonly beside: PurposeKeyStore;
  close(): Promise<void>;
}

/** What every adapter of `PurposeKeyStore` promises. */
export function describePurposeKeys(name: string, open: () => Promise<PurposeKeysPlace>): void {
  describe(`keys that sign no tokens in ${name}`, () => {
    let place: PurposeKeysPlace;
    beforeEach(async () => {
      place = await open();
    });
    afterEach(() => place.close());
    let now = 0;
    const keysOf = (store: PurposeKeyStore, keks = keksUnder(1)): PurposeKeys => {
      const nowMs = () => {
        now += 1;
        return epochMs(now);
      };
      return purposeKeys({ purpose: "events", store, sealing: sealingWith(keks), nowMs });
    };

    test("the first one is made by one replica, whichever asks first, and its public part verifies what it signs", async () => {
      const signers = await Promise.all(place.replicas.map((store) => keysOf(store).signer()));
      expect(signers[0]?.kid).toBe(signers[1]?.kid);
      const [jwk] = await keysOf(place.replicas[1]).publicKeys();
      expect(jwk).toMatchObject({ kid: signers[0]?.kid, kty: "EC", crv: "P-256", alg: "ES256", use: "sig" });
      expect(jwk).not.toHaveProperty("d");
      const signature = sign("sha256", Buffer.from("text"), signers[0]?.privateKey ?? "");
      const key = { key: { ...jwk }, format: "jwk" } as const;
      expect(verify("sha256", Buffer.from("text"), key, signature)).toBe(true);
    });

    test("one that was replaced still verifies, and its private part is gone", async () => {
      const [one, other] = place.replicas;
      const before = await keysOf(one).signer();
      const kid = await keysOf(other).rotate();
      expect((await keysOf(one).signer()).kid).toBe(kid);
      expect((await keysOf(one).publicKeys()).map((key) => key.kid)).toEqual([kid, before.kid]);
      const retired = (await one.keys()).find(({ isSigning }) => !isSigning);
      const at = Buffer.from(JSON.stringify(["macp-auth purpose key", 1, "events", before.kid, "retired"]));
      const jwk = await sealingWith(keksUnder(1)).unseal(retired?.sealed ?? "", at);
      expect(jwk).toMatchObject({ kty: "EC" });
      expect(jwk).not.toHaveProperty("d");
    });

    test("of replicas that replace it at once, each has its turn, and one key signs", async () => {
      await keysOf(place.replicas[0]).signer();
      await Promise.all(
        Array.from({ length: 6 }, (_, index) => keysOf(place.replicas[index % 2 === 0 ? 0 : 1]).rotate()),
      );
      const keys = await place.replicas[0].keys();
      expect(keys).toHaveLength(7);
      expect(keys.filter(({ isSigning }) => isSigning)).toHaveLength(1);
    });

    test("they are sealed: with another key-encryption key nothing is signed, and resealed they open with the new one", async () => {
      const [one] = place.replicas;
      const { kid } = await keysOf(one).signer();
      await keysOf(one).rotate();
      await expect(keysOf(one, keksUnder(2)).signer()).rejects.toThrow("purpose_keys");
      expect(await keysOf(one, keksUnder(2, 1)).reseal()).toBe(2);
      expect(await keysOf(one, keksUnder(2, 1)).reseal()).toBe(0);
      expect((await keysOf(one, keksUnder(2)).publicKeys()).map((key) => key.kid)).toContain(kid);
      await expect(keysOf(one, keksUnder(1)).signer()).rejects.toThrow("purpose_keys");
    });

    test("one of another purpose is another key, and in this one's place it opens nothing", async () => {
      const { kid } = await keysOf(place.replicas[0]).signer();
      expect(await place.beside.keys()).toEqual([]);
      const beside = purposeKeys({
        purpose: "status-lists",
        store: place.beside,
        sealing: sealingWith(keksUnder(1)),
        nowMs: () => epochMs(1),
      });
      expect((await beside.signer()).kid).not.toBe(kid);
      await expect(keysOf(place.beside).signer()).rejects.toThrow("purpose_keys");
    });
  });
}
