import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { epochMs } from "../../kernel/clock.ts";
import { sealingWith } from "../../keys/custody/sealing.ts";
import { type NoteKeys, noteKeys } from "../../ledger/notes/note-keys.ts";
import type { NoteStore } from "../../ledger/notes/note-store.ts";
import { keksUnder } from "../custodies.ts";

/** A place of signed notes, empty: seen by two replicas. */
export interface NoteStorePlace {
  readonly replicas: readonly [NoteStore, NoteStore];
  close(): Promise<void>;
}

/** What every adapter of `NoteStore` promises. */
export function describeNoteStore(name: string, open: () => Promise<NoteStorePlace>): void {
  describe(`signed notes in ${name}`, () => {
    let place: NoteStorePlace;
    beforeEach(async () => {
      place = await open();
    });
    afterEach(() => place.close());
    const keysOf = (store: NoteStore, keks = keksUnder(1)): NoteKeys =>
      noteKeys({ store, sealing: sealingWith(keks), name: "auth.example/ledger", nowMs: () => epochMs(7) });

    test("are given back as they were signed, in their order", async () => {
      const [one, other] = place.replicas;
      expect(await one.last()).toBeUndefined();
      const notes = [1, 2, 3].map((number) => ({
        number,
        at: number * 10,
        note: `note ${String(number)}\n%{a} \u2014 é\n\n\u2014 a b+/=\n`,
      }));
      for (const note of notes) expect(await one.add(note)).toBe("added");
      expect(await other.last()).toEqual(notes[2]);
      expect(await other.notesAfter(0, 10)).toEqual(notes);
      expect(await other.notesAfter(1, 1)).toEqual([notes[1]]);
    });

    test("have one number each: of 20 that come at once over both replicas, one is added", async () => {
      for (let number = 1; number <= 5; number += 1) {
        const added = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            place.replicas[index % 2 === 0 ? 0 : 1].add({ number, at: 1, note: `by ${String(index)}` }),
          ),
        );
        expect(added.filter((one) => one === "added")).toHaveLength(1);
      }
      expect(await place.replicas[0].notesAfter(0, 10)).toHaveLength(5);
    });

    test("are signed by one key, whichever replica asks first", async () => {
      const signers = await Promise.all(place.replicas.map((store) => keysOf(store).signer()));
      expect(signers[0]?.key).toBe(signers[1]?.key);
      expect(await place.replicas[0].keys()).toHaveLength(1);
    });

    test("a key that was replaced still verifies, and its private part is gone", async () => {
      const [one, other] = place.replicas;
      const before = await keysOf(one).signer();
      const next = await keysOf(other).rotate();
      expect((await keysOf(one).signer()).key).toBe(next.key);
      const verifiers = await keysOf(one).verifiers();
      expect(verifiers.map(({ key }) => key).toSorted()).toEqual([before.key, next.key].toSorted());
      const retired = (await one.keys()).find(({ isSigning }) => !isSigning);
      const place1 = Buffer.from(JSON.stringify(["macp-auth note key", 1, before.key, "retired"]));
      const jwk = await sealingWith(keksUnder(1)).unseal(retired?.sealed ?? "", place1);
      expect(jwk).toMatchObject({ kty: "OKP", crv: "Ed25519", x: expect.any(String) as string });
      expect(jwk).not.toHaveProperty("d");
    });

    test("of replicas that replace the key at once, each has its turn, and one key signs", async () => {
      await keysOf(place.replicas[0]).signer();
      await Promise.all(
        Array.from({ length: 6 }, (_, index) => keysOf(place.replicas[index % 2 === 0 ? 0 : 1]).rotate()),
      );
      const keys = await place.replicas[0].keys();
      expect(keys).toHaveLength(7);
      expect(keys.filter(({ isSigning }) => isSigning)).toHaveLength(1);
    });

    test("keys are sealed: with another key-encryption key nothing is signed, and resealed they open with the new one", async () => {
      const [one] = place.replicas;
      const { key } = await keysOf(one).signer();
      await keysOf(one).rotate();
      await expect(keysOf(one, keksUnder(2)).signer()).rejects.toThrow("ledger_note_keys");
      expect(await keysOf(one, keksUnder(2, 1)).reseal()).toBe(2);
      expect(await keysOf(one, keksUnder(2, 1)).reseal()).toBe(0);
      const verifiers = await keysOf(one, keksUnder(2)).verifiers();
      expect(verifiers.map((verifier) => verifier.key)).toContain(key);
      await expect(keysOf(one, keksUnder(1)).signer()).rejects.toThrow("ledger_note_keys");
    });

    test("a key of someone who can write to the store signs nothing and verifies nothing", async () => {
      const [one, other] = place.replicas;
      const stranger = await keysOf(one, keksUnder(9)).signer();
      await expect(keysOf(other).signer()).rejects.toThrow("ledger_note_keys");
      await expect(keysOf(other).verifiers()).rejects.toThrow("ledger_note_keys");
      expect(stranger.key).toContain("auth.example/ledger+");
    });
  });
}
