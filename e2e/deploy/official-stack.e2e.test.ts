import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { hasBusybox, inBusybox } from "../support/busybox.ts";
import { BOOT_MS_MAX, type Environment, startService, withService } from "../support/service-process.ts";

// The official self-host compose selects this service only by its image's name (MACP_AUTH_SERVICE_IMAGE). What it does with the
// image is done here with the built service; deploy/test/image.sh does the same with the image, on the port 3200 that it has there.

/** The variables that the compose file gives to the auth service. */
const OFFICIAL: Environment = {
  MACP_AUTH_ISSUER: "macp-auth-service",
  MACP_AUTH_AUDIENCE: "macp-runtime",
  MACP_AUTH_DEFAULT_TTL_SECONDS: "3600",
  MACP_AUTH_MAX_TTL_SECONDS: "7200",
};
/** Its health check, but for the port: that of a test is any free one. */
const healthCheckAt = (port: number) => `wget -qO- http://localhost:${String(port)}/healthz`;
const CALLERS = fileURLToPath(new URL("official-callers.mjs", import.meta.url));

/** What the stack's other programs found of a service, a line each; the last lines say what failed. */
async function callersOf(port: number): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CALLERS, `http://localhost:${String(port)}/`]);
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (piece: string) => {
      output += piece;
    });
  await once(child, "close");
  return output.trim().split("\n");
}

test(
  "the official stack's runtime and playground are served with its variables",
  { timeout: BOOT_MS_MAX },
  () =>
    withService(OFFICIAL, async ({ port }) => {
      expect(await callersOf(port)).toEqual([
        "the runtime finds a JWKS of public keys over plain HTTP, without a redirect",
        "the playground gets a token of an hour for an agent, which the runtime's JWKS verifies",
        "a token lives for 3600 s when the playground names no time, and for 7200 s at most",
        "a burst of 50 agents gets its tokens in time, all signed by a key that the runtime knows",
      ]);
    }),
);

test(
  "its variables draw no warning but the one about tokens that live longer than an hour",
  {
    timeout: BOOT_MS_MAX,
  },
  () =>
    withService(
      // With the names of its other services, as one environment file for all of them would give them.
      {
        ...OFFICIAL,
        MACP_AUTH_SERVICE_IMAGE: "macp-auth-service:local",
        MACP_AUTH_SERVICE_URL: "http://auth-service:3200",
        MACP_AUTH_TOKEN_TTL_SECONDS: "3600",
        MACP_AUTH_JWKS_TTL_SECS: "60",
      },
      async (service) => {
        await service.event("open_mint");
        expect(service.events("setting_warning").map((line) => line["message"])).toEqual([
          expect.stringMatching(/^MACP_AUTH_MAX_TTL_SECONDS is 7200/),
        ]);
      },
    ),
);

test.skipIf(!hasBusybox)(
  "its health check passes while the service runs, and fails once it has ended",
  { timeout: BOOT_MS_MAX },
  async () => {
    const service = await startService(OFFICIAL);
    const healthCheck = healthCheckAt(service.port);
    expect(await inBusybox(healthCheck)).toEqual({ code: 0, output: '{"ok":true}' });
    expect(await service.stop()).toBe(0);
    expect(await inBusybox(healthCheck)).toEqual({ code: 1, output: "" });
  },
);
