import type { Random } from "../../kernel/random.ts";
import type { Secret } from "../../kernel/secret.ts";
import { ADMIN_TOKEN_CALLER, type CallerId, THIS_MACHINE_CALLER } from "../caller.ts";
import type { CallerDirectory, HashedSecret } from "../directory.ts";
import { hashSecret } from "../secrets/secret-hash.ts";
import type { CallerEntry } from "./registry.ts";

/** The operators that an admin listener has without any declaration: exactly one of the two. */
export type BuiltInOperator =
  | { readonly kind: "token"; readonly secret: HashedSecret }
  | { readonly kind: "this_machine"; readonly caller: CallerEntry };

/** `token`: that of the admin listener; without one, it accepts the programs of this machine. */
export function builtInOperator(random: Random, token: Secret | undefined): BuiltInOperator {
  if (token === undefined) return { kind: "this_machine", caller: entryOf(THIS_MACHINE_CALLER) };
  const caller = entryOf(ADMIN_TOKEN_CALLER);
  return { kind: "token", secret: { caller, hash: hashSecret(random, token), proof: "admin_token" } };
}

/** The directory of the admin listener. The public one is never given it, so that neither operator can have a token minted. */
export function withOperator(directory: CallerDirectory, operator: BuiltInOperator): CallerDirectory {
  return operator.kind === "this_machine"
    ? { ...directory, thisMachine: operator.caller }
    : { ...directory, settingSecrets: [operator.secret, ...directory.settingSecrets] };
}

function entryOf(id: CallerId): CallerEntry {
  return {
    id,
    owner: undefined,
    isDisabled: false,
    notAfter: undefined,
    role: "security",
    rights: undefined,
    secrets: [],
    workloads: [],
    assertionKeys: [],
    certificates: [],
  };
}
