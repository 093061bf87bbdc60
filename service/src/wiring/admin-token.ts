import { faultsOfBearer } from "../config/bearer-secret.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Settings } from "../config/settings.ts";
import type { Labels } from "../config/source.ts";
import { Secret } from "../kernel/secret.ts";
import { readSecret } from "./read-secret.ts";

/** What a caller of the admin listener must send; `undefined` when there is no listener, or no token on loopback. Throws `ConfigError`. */
export async function adminToken({ admin }: Settings, labels: Labels): Promise<Secret | undefined> {
  const token = admin?.token;
  if (token === undefined) return undefined;
  const text = (await readSecret(token, labels)).reveal().trim();
  const faults = faultsOfBearer(labels.of(token.setting), text);
  // A token in the setting itself was checked with the settings.
  if (token.kind === "file" && faults.length > 0) throw new ConfigError(faults);
  return new Secret(text);
}
