import { hkdfSync } from "node:crypto";
import { StoreCorrupt } from "../kernel/store-faults.ts";
import type { PublicJwk } from "../keys/public-jwk.ts";
import type { PurposeKeys } from "../keys/purposes/purpose-keys.ts";
import { localSigner, type Signer } from "../keys/signer.ts";
import { HIDING_KEY_BYTES, type TokenIds, tokenIds } from "./token-ids.ts";

/** The keys of status lists in a store. */
export interface ListKeys {
  /** Signs lists. */
  readonly lists: Pick<PurposeKeys, "signer" | "publicKeys">;
  /** Hides places in token ids; it is made once and never replaced. */
  readonly ids: Pick<PurposeKeys, "signer">;
}

/** The key that signs lists now, and those that verify them. */
export interface OpenListKeys {
  readonly kid: string;
  readonly signer: Signer;
  readonly jwks: readonly PublicJwk[];
}

/** Opens the keys that sign lists. `known`: those of the last time, which are opened again only when they changed. Rejects with `StoreCorrupt`. */
export async function openListKeys(
  { lists }: Pick<ListKeys, "lists">,
  known: OpenListKeys | undefined,
): Promise<OpenListKeys> {
  const before = await lists.publicKeys();
  if (known !== undefined && before.length === known.jwks.length) return known;
  const { kid, privateKey } = await lists.signer();
  return { kid, signer: localSigner("ES256", privateKey), jwks: await lists.publicKeys() };
}

const INFO = "macp-auth:status-ids:1";

/** The token ids of a store. Rejects with `StoreCorrupt`. */
export async function openTokenIds({ ids }: Pick<ListKeys, "ids">): Promise<TokenIds> {
  const { privateKey } = await ids.signer();
  const { d } = privateKey.export({ format: "jwk" });
  if (d === undefined) throw new StoreCorrupt({ what: "row_unreadable", table: "purpose_keys" });
  const keys = hkdfSync("sha256", Buffer.from(d, "base64url"), Buffer.alloc(0), INFO, HIDING_KEY_BYTES);
  return tokenIds(Buffer.from(keys));
}
