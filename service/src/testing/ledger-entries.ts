import { createHash } from "node:crypto";
import type { CallerId } from "../callers/caller.ts";
import { epochMs, epochSeconds } from "../kernel/clock.ts";
import type { Jti, Kid, RequestId, Sender } from "../kernel/ids.ts";
import type { ChainHead, ChainName, LinkedEntry } from "../ledger/chain.ts";
import { linked } from "../ledger/chain.ts";
import type { Entry, MintFacts, RejectionFacts } from "../ledger/entry.ts";
import type { Batch } from "../ledger/ledger-store.ts";

/** The facts of a token with this id, valid; override what a test is about. */
export function mintFacts(jti: string, override: Partial<MintFacts> = {}): MintFacts {
  return {
    jti: jti as Jti,
    kid: "k" as Kid,
    alg: "ES256",
    caller: "ci" as CallerId,
    sender: "agent://a" as Sender,
    audience: "macp-runtime",
    scopes: {},
    iat: epochSeconds(1_800_000_000),
    exp: epochSeconds(1_800_000_300),
    digest: createHash("sha256").update(jti).digest("base64url"),
    request_id: "r-1" as RequestId,
    ...override,
  };
}

export function mintEntry(jti: string, override: Partial<MintFacts> = {}): Entry {
  return { kind: "mint", facts: mintFacts(jti, override) };
}

/** The facts of a request that got no token. */
export function rejectionFacts(
  reason: string,
  { sender, ...override }: Partial<Omit<RejectionFacts, "sender">> & { readonly sender?: string } = {},
): RejectionFacts {
  return {
    reason,
    status: 403,
    request_id: "r-1" as RequestId,
    ...(sender !== undefined && { sender: sender as Sender }),
    ...override,
  };
}

const NOW_MS = epochMs(1_800_000_000_123);

/** The batch that a chain writes after `before`; of a name, its first. */
export function batchAfter(before: ChainHead | ChainName, entries: readonly Entry[], now = NOW_MS): Batch {
  const rows: LinkedEntry[] = [];
  let head = before;
  for (const entry of entries) {
    const row = linked(head, now, entry);
    rows.push(row);
    head = row;
  }
  return typeof before === "string"
    ? { chain: before, before: undefined, entries: rows }
    : { chain: before.chain, before, entries: rows };
}

/** The head of a chain once this batch is written. */
export function headAfter({ entries }: Batch): ChainHead {
  const last = entries.at(-1);
  if (last === undefined) throw new Error("a batch has entries");
  return last;
}
