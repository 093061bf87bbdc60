import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { Impossible } from "../../kernel/assert.ts";
import type { EpochMs } from "../../kernel/clock.ts";
import { type Kid, parseKid } from "../../kernel/ids.ts";
import { StoreCorrupt } from "../../kernel/store-faults.ts";
import { makeKey } from "../custody/make-key.ts";
import type { Sealing } from "../custody/sealing.ts";
import { thumbprintOf } from "../import/import-key.ts";
import { type PublicJwk, PublicNumbers } from "../public-jwk.ts";
import type { Purpose, PurposeKeyStore, StoredPurposeKey } from "./purpose-key-store.ts";

/**
 * The ES256 keys that sign what is no access token. They are in no JWKS of tokens: the runtime would accept what a key of that set
 * signed as a token. Their private parts are sealed as those of signing keys are.
 */
export interface PurposeKeys {
  /** The key that signs; the first one is made when there is none. Rejects with `StoreCorrupt` when it does not open. */
  signer(): Promise<PurposeSigner>;
  /** All keys, also those that no longer sign, the newest first. Rejects with `StoreCorrupt` when one was altered. */
  publicKeys(): Promise<readonly PublicJwk[]>;
  /** Makes another key that signs from now on; the private part of the one before is forgotten. */
  rotate(): Promise<Kid>;
  /** Seals with the first key-encryption key what another one sealed. Resolves to the number of keys. */
  reseal(): Promise<number>;
}

/** A key that signs with ES256. */
export interface PurposeSigner {
  readonly kid: Kid;
  readonly madeAt: EpochMs;
  readonly privateKey: KeyObject;
}

export interface PurposeKeysDeps {
  readonly purpose: Purpose;
  readonly store: PurposeKeyStore;
  readonly sealing: Sealing;
  readonly nowMs: () => EpochMs;
}

const TABLE = "purpose_keys";
const ALG = "ES256";

/** The keys of one purpose in a store. */
export function purposeKeys(deps: PurposeKeysDeps): PurposeKeys {
  const { store, sealing, purpose } = deps;
  const signing = async (): Promise<StoredPurposeKey | undefined> =>
    (await store.keys()).find(({ isSigning }) => isSigning);
  return {
    async signer() {
      let stored = await signing();
      if (stored === undefined) {
        await replaceKey(deps, undefined);
        stored = await signing();
      }
      if (stored === undefined) throw new StoreCorrupt({ what: "row_missing", table: TABLE });
      const key = await opened(deps, stored);
      if (key.d === undefined) throw unreadable();
      const { kid, madeAt } = stored;
      return { kid, madeAt, privateKey: createPrivateKey({ key, format: "jwk" }) };
    },
    publicKeys: async () =>
      Promise.all((await store.keys()).map(async (stored) => publicJwkOf(await opened(deps, stored)))),
    async rotate() {
      for (;;) {
        const kid = await replaceKey(deps, await signing());
        if (kid !== undefined) return kid;
      }
    },
    async reseal() {
      const older = (await store.keys()).filter(({ sealed }) => !sealing.isNewest(sealed));
      for (const stored of older) {
        const jwk = await opened(deps, stored);
        await store.reseal(stored.kid, stored.sealed, await sealing.seal(jwk, placeOf(purpose, stored)));
      }
      return older.length;
    },
  };
}

/** Makes a key in the place of the one that signs; `undefined`: another process was faster. */
async function replaceKey(
  deps: PurposeKeysDeps,
  stored: StoredPurposeKey | undefined,
): Promise<Kid | undefined> {
  const { store, sealing, purpose, nowMs } = deps;
  const { kid, privateKey } = await makeKey(ALG);
  if (privateKey === undefined) throw new Impossible("a key made here has no private part");
  const place = placeOf(purpose, { kid, isSigning: true });
  const sealed = await sealing.seal(privateKey.export({ format: "jwk" }), place);
  const retired = stored && { kid: stored.kid, sealed: await sealedPublic(deps, stored) };
  const made = { kid, sealed, madeAt: nowMs() };
  return (await store.replaceKey({ retired, made })) === "replaced" ? kid : undefined;
}

/** What is left of a key that no longer signs. */
async function sealedPublic(deps: PurposeKeysDeps, stored: StoredPurposeKey): Promise<string> {
  const publicKey = createPublicKey({ key: await opened(deps, stored), format: "jwk" });
  const place = placeOf(deps.purpose, { ...stored, isSigning: false });
  return deps.sealing.seal(publicKey.export({ format: "jwk" }), place);
}

/** The stored key, which is the one that its row names. */
async function opened({ sealing, purpose }: PurposeKeysDeps, stored: StoredPurposeKey): Promise<JsonWebKey> {
  const key = await sealing.unseal(stored.sealed, placeOf(purpose, stored));
  if (key === undefined || publicJwkOf(key).kid !== stored.kid) throw unreadable();
  return key;
}

function publicJwkOf(key: JsonWebKey): PublicJwk {
  const { data } = PublicNumbers.safeParse(key);
  const kid = data && parseKid(thumbprintOf(data));
  if (data?.kty !== "EC" || kid === undefined) throw unreadable();
  return { ...data, kid, alg: ALG, use: "sig" };
}

function unreadable(): StoreCorrupt {
  return new StoreCorrupt({ what: "row_unreadable", table: TABLE });
}

/** Where a sealed key belongs: it cannot be put back to signing, or be used for another purpose. */
function placeOf(purpose: Purpose, { kid, isSigning }: Pick<StoredPurposeKey, "kid" | "isSigning">): Buffer {
  return Buffer.from(
    JSON.stringify(["macp-auth purpose key", 1, purpose, kid, isSigning ? "signing" : "retired"]),
  );
}
