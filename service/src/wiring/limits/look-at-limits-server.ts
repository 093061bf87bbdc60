import type { Settings } from "../../config/settings.ts";
import type { Machine } from "../../kernel/machine.ts";
import type { RedisLook } from "../../stores/redis/look-at-redis.ts";

/** The server of shared limits, and where it is. */
export interface LimitsServerFacts {
  readonly host: string;
  readonly isEncrypted: boolean;
  readonly look: RedisLook;
}

/** Asks the server that the settings name; `undefined` where they name none. Rejects only for bugs. */
export async function lookAtLimitsServer(
  { limits: { url }, tokens }: Pick<Settings, "limits" | "tokens">,
  machine: Pick<Machine, "stopwatch" | "clock">,
): Promise<LimitsServerFacts | undefined> {
  if (url === undefined) return undefined;
  const { lookAtRedis } = await import("../../stores/redis/look-at-redis.ts");
  const { protocol, hostname: host } = new URL(url.reveal());
  const look = await lookAtRedis({ url, name: tokens.issuer }, machine);
  return { host, isEncrypted: protocol === "rediss:", look };
}
