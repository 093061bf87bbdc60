import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { runtimeClient } from "./doors/runtime-client.ts";
import { withPair } from "./pairs/pair.ts";

const OFFICIAL_JWKS_TTL_SECONDS = 60;

test("in the official stack's order, service first and then the runtime, an agent of the playground is known to the runtime", () =>
  withPair(
    { MACP_AUTH_DEFAULT_TTL_SECONDS: "3600", MACP_AUTH_MAX_TTL_SECONDS: "7200" },
    async ({ issuer, runtime }) => {
      const client = runtimeClient(runtime.address);
      const spawned = await issuer.mint({ sender: "fraud-agent", ttl_seconds: 3_600 });
      expect(await client.verdict(spawned.token)).toBe("OK");
      expect(await client.send(spawned.token, { message_type: "Signal", sender: "fraud-agent" })).toBe("ok");
      // A second later the runtime verifies from its cache, and takes the next agent as well.
      await pause(1_000);
      expect(await client.verdict((await issuer.mint({ sender: "risk-agent" })).token)).toBe("OK");
      client.close();
    },
    OFFICIAL_JWKS_TTL_SECONDS,
  ));
