import { describe, expect, test } from "vitest";
import { makeAuthority } from "../../service/src/testing/certificates.ts";
import { healthLine } from "../deploy/dockerfile.ts";
import { hasBusybox, inBusybox } from "../support/busybox.ts";
import { BOOT_MS_MAX, type RunningService, startService, withService } from "../support/service-process.ts";

/** As PORT would be given to the container: the service of a test takes any free one. */
const portOf = (service: RunningService) => ({ PORT: String(service.port) });

// Skipped where busybox is not installed: the line of the image runs in the shell and with the wget of the image.
describe.skipIf(!hasBusybox)("the HEALTHCHECK of deploy/Dockerfile", { timeout: BOOT_MS_MAX }, () => {
  test("passes while the service listens on every address, which is the default", () =>
    withService({}, async (service) => {
      expect(service.events("listening")).toMatchObject([{ address: "::" }]);
      expect(await inBusybox(healthLine(), portOf(service))).toMatchObject({ code: 0 });
    }));

  const hosts = [
    "",
    "  ",
    "0.0.0.0",
    " 0.0.0.0\r",
    "\uFEFF0.0.0.0",
    "::",
    "[::]",
    "0:0:0:0:0:0:0:0",
    "127.0.0.1",
    "127.0.0.2",
    "::1",
    "[::1]",
    " [::1] ",
    "::ffff:127.0.0.1",
    "localhost",
  ];
  test.each(hosts)("passes with HOST=%j", (HOST) =>
    withService({ HOST }, async (service) => {
      expect(await inBusybox(healthLine(), { HOST, ...portOf(service) })).toMatchObject({ code: 0 });
    }),
  );

  test.each([
    ["blanks", " ", "\r"],
    ["a byte order mark", "\uFEFF", ""],
  ])("reads a PORT with %s as the service does", (_what, before, after) =>
    withService({}, async (service) => {
      const PORT = before + String(service.port) + after;
      expect(await inBusybox(healthLine(), { PORT })).toMatchObject({ code: 0 });
    }),
  );

  test("passes where the service speaks TLS, whatever its certificate is for", async () => {
    const authority = await makeAuthority();
    try {
      const { certificatePath, keyPath } = await authority.issue("server", "DNS:auth.example", 90);
      const env = { MACP_AUTH_TLS_CERT_FILE: certificatePath, MACP_AUTH_TLS_KEY_FILE: keyPath };
      await withService(env, async (service) => {
        expect(await inBusybox(healthLine(), { ...env, ...portOf(service) })).toMatchObject({ code: 0 });
        expect(await inBusybox(healthLine(), portOf(service))).toMatchObject({ code: 1 });
        const spiffe = { MACP_AUTH_SPIFFE_SOCKET: "unix:///agent.sock", ...portOf(service) };
        expect(await inBusybox(healthLine(), spiffe)).toMatchObject({ code: 0 });
      });
      await withService({}, async (service) => {
        const blank = { MACP_AUTH_TLS_CERT_FILE: " ", ...portOf(service) };
        expect(await inBusybox(healthLine(), blank)).toMatchObject({ code: 0 });
      });
    } finally {
      await authority.remove();
    }
  });

  test.each(["", "0.0.0.0", "127.0.0.2", "::1"])(
    "fails with HOST=%j once the service has ended",
    async (HOST) => {
      const service = await startService({ HOST });
      expect(await service.stop()).toBe(0);
      expect(await inBusybox(healthLine(), { HOST, ...portOf(service) })).toMatchObject({ code: 1 });
    },
  );
});
