import type { CallerRegistry } from "../../callers/declared/registry.ts";
import type { SettingSecret } from "../../callers/directory.ts";
import { ownerOfSecret } from "../../callers/secrets/secret-owner.ts";
import type { LoadedSettings } from "../../config/sources.ts";
import type { Secret } from "../../kernel/secret.ts";
import type { AccessDocument } from "./read-document.ts";

/** Secrets that are settings of their own. */
export interface OwnSecrets {
  /** Of the admin listener. */
  readonly adminToken: Secret | undefined;
  /** Of the caller `default`. */
  readonly shared: readonly SettingSecret[];
}

type Read = Pick<LoadedSettings, "settings" | "labels">;

/** Faults of the settings: the token of the admin listener must prove nothing on the public one. */
export function twinsInSettings({ adminToken, shared }: OwnSecrets, read: Read): readonly string[] {
  const isShared = shared.some(({ secret }) => secret.reveal() === adminToken?.reveal());
  return isShared ? [tokenFault(read)] : [];
}

/** Faults of the document: one text would be two proofs. */
export function twinsInDocument(
  registry: CallerRegistry,
  { adminToken, shared }: OwnSecrets,
  read: Read,
): readonly string[] {
  const { sharedSecret } = read.settings.access;
  return [
    ...(adminToken !== undefined && ownerOfSecret(registry, adminToken) !== undefined
      ? [tokenFault(read)]
      : []),
    ...shared.flatMap(({ secret }) => {
      const owner = ownerOfSecret(registry, secret);
      return owner === undefined || sharedSecret === undefined
        ? []
        : [
            `${read.labels.of(sharedSecret.setting)} is also the secret of the caller ${owner}; generate another one`,
          ];
    }),
  ];
}

/** A fault of the document: nothing is revoked without a ledger. */
export function receiversWithoutLedger(
  { receivers }: Pick<AccessDocument, "receivers">,
  { settings, labels }: Read,
): readonly string[] {
  if (receivers.length === 0 || settings.ledger.mode !== "off") return [];
  return [
    `${labels.of("access.file")} has receivers of events, and no token is recorded, so that none can be revoked; set ${labels.of("keys.store")} to sqlite:PATH or postgres://…, and not ${labels.of("ledger.mode")}=off`,
  ];
}

function tokenFault({ settings: { admin }, labels }: Read): string {
  return `${labels.of(admin?.token?.setting ?? "admin.token")} is also the secret of a caller, which mints; generate another token`;
}
