import type { CallerRegistry } from "../../callers/declared/registry.ts";
import { openDirectory } from "../../callers/directory.ts";
import type { explainProof } from "../../callers/explain/explain-proof.ts";
import type { FetchDocument } from "../../callers/fetch-document.ts";
import { IssuerKeySets } from "../../callers/issuer-keys/issuer-key-sets.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import { readSmallFile } from "../../files/small-file.ts";
import type { Machine } from "../../kernel/machine.ts";
import { fetchDocument } from "../../outbound/fetch-document.ts";
import { defaultCallers, outbound } from "./load-callers.ts";

/** What a proof is explained with. */
export interface Review extends Pick<LoadedSettings, "settings" | "labels"> {
  readonly registry: CallerRegistry;
  /** Nothing is fetched: only keys that stand in files are known. */
  readonly isOffline: boolean;
}

const OFFLINE: FetchDocument = () => Promise.resolve({ kind: "failed", reason: "connect_failed" });

/** Opens what a proof is explained with, as the service would. Throws `ConfigError` when the shared secret cannot be read. */
export async function reviewDeps(
  { registry, settings, labels, isOffline }: Review,
  machine: Machine,
): Promise<Parameters<typeof explainProof>[0]> {
  const { access, tokens } = settings;
  const fetch = isOffline ? OFFLINE : fetchDocument(outbound(machine));
  return {
    directory: openDirectory(registry, machine.random, {
      secrets: await defaultCallers(access.sharedSecret, tokens.audience, labels),
    }),
    ownIssuer: tokens.issuer,
    issuerKeys: new IssuerKeySets({ ...machine, fetchDocument: fetch, readBearer: readSmallFile }),
    clock: machine.clock,
  };
}
