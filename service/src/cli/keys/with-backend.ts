import type { StoreAccess } from "../../stores/open.ts";
import type { AdminAddress } from "../client/admin-option.ts";
import type { World } from "../terminal/world.ts";
import type { KeysBackend } from "./backend.ts";

/** Runs on the admin listener when `--admin` is given, otherwise on the store that the environment names. Throws `CommandEnd` or `ConfigError`. */
export async function withBackend<T>(
  { access = "change", ...address }: Partial<AdminAddress> & { readonly access?: StoreAccess },
  world: World,
  run: (backend: KeysBackend) => Promise<T>,
): Promise<T> {
  const backend = await openBackend(address, access, world);
  try {
    return await run(backend);
  } finally {
    await backend.close();
  }
}

async function openBackend(
  { admin, caFile }: Partial<AdminAddress>,
  access: StoreAccess,
  world: World,
): Promise<KeysBackend> {
  if (admin === undefined) {
    const { storeBackend } = await import("./store-backend.ts");
    return storeBackend(world, access);
  }
  const { adminBackend } = await import("./admin-backend.ts");
  return adminBackend({ admin, caFile }, world);
}
