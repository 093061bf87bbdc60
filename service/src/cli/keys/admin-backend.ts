import { KeysReport, OperationAnswer } from "../../keys/managed/operator-shapes.ts";
import { adminClient } from "../client/admin-client.ts";
import type { AdminAddress } from "../client/admin-option.ts";
import type { World } from "../terminal/world.ts";
import type { KeysBackend } from "./backend.ts";

/** The keys of a running service, through the admin listener at `--admin`. Throws `CommandEnd` or `ConfigError`. */
export async function adminBackend(address: AdminAddress, world: World): Promise<KeysBackend> {
  const call = await adminClient(address, world);
  return {
    list: (all) => call(KeysReport, "GET", all ? "/keys?all=true" : "/keys"),
    operate: (operation, accepted) => {
      const { kind, ...members } = operation;
      const isRotation = kind === "activate" && operation.kid === undefined;
      const route = `/keys/${isRotation ? "rotate" : kind}`;
      return call(OperationAnswer, "POST", route, { ...members, accept: [...accepted] });
    },
    close: () => Promise.resolve(),
  };
}
