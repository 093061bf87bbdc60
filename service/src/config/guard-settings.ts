import { z } from "zod";
import { host, whole } from "./fields.ts";

/** Where proxies ask whether a request may pass. */
export interface GuardSettings {
  readonly host: string;
  readonly port: number;
}

/** The settings of the guard as a person writes them. */
export const GuardWritten = z.object({
  port: whole(0, 65_535)
    .optional()
    .describe(
      "port of the guard's HTTP listener, which proxies ask whether a request may pass; unset means none",
    ),
  host: host().default("127.0.0.1").describe("address of the guard's listeners"),
});

/** The settings that follow from them; `undefined`: there is no guard. `isGiven`: whether the port is written, readable or not. */
export function guardSettings(
  { port, host: address }: z.infer<typeof GuardWritten>,
  isGiven: boolean,
): GuardSettings | undefined {
  return isGiven ? { port: port ?? 0, host: address } : undefined;
}
