import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { EpochMs } from "../../kernel/clock.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import type { Sealing } from "../../keys/custody/sealing.ts";
import type { NoteStore, StoredNoteKey } from "./note-store.ts";
import { type NoteSigner, type NoteVerifier, noteVerifier, parseVerifierKey } from "./signed-note.ts";

/**
 * The keys that sign notes. They are no signing keys of tokens and are in no key set: the runtime would accept what a key of the JWKS
 * signed as a token. Their private parts are sealed as those of signing keys are.
 */
export interface NoteKeys {
  /** The key that signs; the first one is made when there is none. Rejects with `StoreCorrupt` when it does not open. */
  signer(): Promise<NoteSigner>;
  /** All keys, also those that no longer sign, the newest first. Rejects with `StoreCorrupt` when one was altered. */
  verifiers(): Promise<readonly NoteVerifier[]>;
  /** Makes another key that signs from now on; the private part of the one before is forgotten. */
  rotate(): Promise<NoteVerifier>;
  /** Seals with the first key-encryption key what another one sealed. Resolves to the number of keys. */
  reseal(): Promise<number>;
}

export interface NoteKeysDeps {
  readonly store: NoteStore;
  readonly sealing: Sealing;
  /** Of the ledger; keys are made under it. */
  readonly name: string;
  readonly nowMs: () => EpochMs;
}

const TABLE = "ledger_note_keys";
const generate = promisify(generateKeyPair);

/** The note keys of a store. */
export function noteKeys(deps: NoteKeysDeps): NoteKeys {
  const { store, sealing } = deps;
  const signing = async (): Promise<StoredNoteKey | undefined> =>
    (await store.keys()).find(({ isSigning }) => isSigning);
  return {
    async signer() {
      let stored = await signing();
      if (stored === undefined) {
        await replaceKey(deps, undefined);
        stored = await signing();
      }
      if (stored === undefined) throw new StoreCorrupt({ what: "row_missing", table: TABLE });
      const { verifier, privateKey } = await opened(sealing, stored);
      if (privateKey === undefined) throw unreadable();
      return { ...verifier, privateKey };
    },
    verifiers: async () =>
      Promise.all((await store.keys()).map(async (stored) => (await opened(sealing, stored)).verifier)),
    async rotate() {
      for (;;) {
        const verifier = await replaceKey(deps, await signing());
        if (verifier !== undefined) return verifier;
      }
    },
    async reseal() {
      const older = (await store.keys()).filter(({ sealed }) => !sealing.isNewest(sealed));
      for (const stored of older) {
        const jwk = await sealing.unseal(stored.sealed, placeOf(stored));
        if (jwk === undefined) throw unreadable();
        await store.reseal(stored.key, stored.sealed, await sealing.seal(jwk, placeOf(stored)));
      }
      return older.length;
    },
  };
}

/** Makes a key in the place of the one that signs; `undefined`: another process was faster. */
async function replaceKey(
  { store, sealing, name, nowMs }: NoteKeysDeps,
  stored: StoredNoteKey | undefined,
): Promise<NoteVerifier | undefined> {
  const { privateKey, publicKey } = await generate("ed25519");
  const verifier = noteVerifier(name, publicKey);
  const place = placeOf({ key: verifier.key, isSigning: true });
  const sealed = await sealing.seal(privateKey.export({ format: "jwk" }), place);
  const retired = stored && { key: stored.key, sealed: await sealedPublic(sealing, stored) };
  const made = { key: verifier.key, sealed, madeAt: nowMs() };
  return (await store.replaceKey({ retired, made })) === "replaced" ? verifier : undefined;
}

/** What is left of a key that no longer signs. */
async function sealedPublic(sealing: Sealing, stored: StoredNoteKey): Promise<string> {
  const { verifier } = await opened(sealing, stored);
  const place = placeOf({ ...stored, isSigning: false });
  return sealing.seal(verifier.publicKey.export({ format: "jwk" }), place);
}

interface Opened {
  readonly verifier: NoteVerifier;
  /** Of the key that signs. */
  readonly privateKey: KeyObject | undefined;
}

async function opened(sealing: Sealing, stored: StoredNoteKey): Promise<Opened> {
  const key = await sealing.unseal(stored.sealed, placeOf(stored));
  const named = parseVerifierKey(stored.key);
  if (key === undefined || named === undefined) throw unreadable();
  const verifier = noteVerifier(named.name, createPublicKey({ key, format: "jwk" }));
  if (verifier.key !== named.key) throw unreadable();
  return { verifier, privateKey: stored.isSigning ? createPrivateKey({ key, format: "jwk" }) : undefined };
}

function unreadable(): StoreCorrupt {
  return new StoreCorrupt({ what: "row_unreadable", table: TABLE });
}

/** Where a sealed key belongs: a retired key cannot be put back to signing. */
function placeOf({ key, isSigning }: Pick<StoredNoteKey, "key" | "isSigning">): Buffer {
  return Buffer.from(JSON.stringify(["macp-auth note key", 1, key, isSigning ? "signing" : "retired"]));
}
