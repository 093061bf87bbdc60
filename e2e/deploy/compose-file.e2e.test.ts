import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseDocument } from "yaml";
import { BOOT_MS_MAX, withService } from "../support/service-process.ts";

interface ComposeService {
  readonly environment: Readonly<Record<string, string>>;
  readonly healthcheck?: unknown;
  readonly read_only?: boolean;
  readonly ports: readonly string[];
  readonly depends_on?: unknown;
}

const document = parseDocument(readFileSync(new URL("../../deploy/compose.yaml", import.meta.url), "utf8"));
const { services } = document.toJS() as { services: Readonly<Record<string, ComposeService>> };
const { "auth-service": service, runtime } = services;
if (service === undefined || runtime === undefined) throw new Error("deploy/compose.yaml lacks a service");

/** As Compose fills them in on a machine where none of the variables is set. */
const filledIn = Object.fromEntries(
  Object.entries(service.environment).map(([name, value]) => [
    name,
    value.replace(/^\$\{\w+:-(.*)\}$/, "$1"),
  ]),
);

test("deploy/compose.yaml is YAML without a fault, and publishes its ports only on this machine", () => {
  expect([...document.errors, ...document.warnings]).toEqual([]);
  for (const { ports } of [service, runtime])
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  expect(service.read_only).toBe(true);
});

test("deploy/compose.yaml leaves the health check to the image, whose line fits any HOST, and starts the runtime after it", () => {
  expect(service.healthcheck).toBeUndefined();
  expect(runtime.depends_on).toEqual({ "auth-service": { condition: "service_healthy" } });
});

test(
  "the variables of deploy/compose.yaml start the service as they are, and draw no warning",
  {
    timeout: BOOT_MS_MAX,
  },
  () =>
    withService(filledIn, async (running) => {
      await running.event("open_mint");
      expect(running.events("setting_warning")).toEqual([]);
      expect(running.events("listening")).toMatchObject([{ address: "::", key_source: "ephemeral" }]);
    }),
);
