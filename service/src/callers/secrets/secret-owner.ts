import type { Secret } from "../../kernel/secret.ts";
import type { CallerId } from "../caller.ts";
import type { CallerRegistry } from "../declared/registry.ts";
import { isSecretOf } from "./secret-hash.ts";
import { writtenIdOf } from "./secret-text.ts";

/** The declared caller that a text proves; `undefined`: none. A secret is found by the id in it, as at each request. */
export function ownerOfSecret(
  { callers }: Pick<CallerRegistry, "callers">,
  text: Secret,
): CallerId | undefined {
  const id = writtenIdOf(text.reveal());
  const owner = callers.find(({ secrets }) =>
    secrets.some((hash) => hash.id === id && isSecretOf(hash, text.reveal())),
  );
  return owner?.id;
}
