import { expect, test } from "vitest";
import { copyOfExample, type Example } from "../outside/example.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { startDouble } from "./double-listeners.ts";
import { hasEnvoy, startEnvoy } from "./envoy.ts";
import { ISSUER } from "./guarded.ts";
import { untilReady } from "./sidecar.ts";

// The READMEs of the examples of a guard, followed step by step; that of nginx is in example.e2e.test.ts.

/** On a slow machine a guard may not know for a moment what is revoked, and says so: the step is done again. */
const SLOWLY = { timeout: 60_000, interval: 1_000 };

const portOf = async (service: RunningService, event: string) => Number((await service.event(event))["port"]);

/** Leads the commands of the README to the free ports of this story. */
async function leadReadme(example: Example, ports: Readonly<Record<number, number>>): Promise<void> {
  const changes = Object.entries(ports).map(
    ([written, port]) => [`http://127.0.0.1:${written}`, `http://127.0.0.1:${String(port)}`] as const,
  );
  await example.edit("README.md", changes);
}

test.skipIf(!hasEnvoy())(
  "Envoy's README leads to a call that passes and, after a revocation, to one that is rejected (skipped without Envoy)",
  async () => {
    const example = await copyOfExample("guard-envoy");
    await example.makeSecret();
    await example.edit("macp-auth.env", [["sqlite:", `sqlite:${example.folder}/`]]);
    const service = await startService({}, ["serve", "--settings", await example.settings()]);
    const double = await startDouble(
      `http://127.0.0.1:${String(service.port)}/.well-known/jwks.json`,
      ISSUER,
    );
    const guards = [await portOf(service, "guard_grpc_listening")];
    const envoy = await startEnvoy({ guards, grpc: double.address, http: double.httpUrl });
    try {
      const admin = await portOf(service, "admin_listening");
      await leadReadme(example, { 3200: service.port, 3201: admin, 8443: envoy.port });
      expect(await example.follow("--yes")).toMatch(
        /^\{"sessions":\[\]\}stopped 1 live token[\s\S]*\n401\n$/,
      );
    } finally {
      await Promise.all([envoy.stop(), double.stop(), service.stop()]);
      await example.remove();
    }
  },
  BOOT_MS_MAX * 4,
);

test(
  "the README of a guard of its own process leads to one that knows its mint, and rejects what the mint revoked",
  async () => {
    const example = await copyOfExample("guard-sidecar");
    const lines = (text: string) => text.match(/hmac-sha256:[\w:-]+/g) ?? [];
    const made = lines(await example.follow("secret generate"));
    const written = lines(await example.text("access.yaml"));
    expect([made.length, written.length]).toEqual([2, 2]);
    await example.edit(
      "access.yaml",
      written.map((line, index) => [line, made[index] ?? ""] as const),
    );
    await example.edit("macp-auth.env", [["sqlite:", `sqlite:${example.folder}/`]]);
    const mint = await startService({}, ["serve", "--settings", await example.settings()]);
    await example.edit("guard.env", [["http://127.0.0.1:3200", `http://127.0.0.1:${String(mint.port)}`]]);
    const guard = await startService({}, [
      "guard",
      "serve",
      "--settings",
      await example.settings("guard.env"),
    ]);
    try {
      const admin = await portOf(mint, "admin_listening");
      await leadReadme(example, { 3200: mint.port, 3201: admin, 3203: guard.port });
      await untilReady(guard);
      expect(JSON.parse(await example.follow("/readyz"))).toMatchObject({ ready: true, feed: "ok" });
      await expect
        .poll(() => example.follow("--yes"), SLOWLY)
        .toMatch(/^200\nstopped 1 live token[\s\S]*\n401\n$/);
      expect(await example.text("identity")).toBe("");
    } finally {
      await Promise.all([guard.stop(), mint.stop()]);
      await example.remove();
    }
  },
  BOOT_MS_MAX * 4,
);
