import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { sqlitePlace } from "../../service/src/testing/store-places.ts";
import { freePort } from "../support/free-port.ts";
import { until } from "../support/managed-service.ts";
import { macpAuthWith } from "../support/operator.ts";
import { startService } from "../support/service-process.ts";

const RECEIVER = fileURLToPath(
  new URL("../../deploy/examples/events-receiver/receiver.mjs", import.meta.url),
);
const ADMIN_TOKEN = randomBytes(32).toString("base64url");
let receiver: ChildProcess | undefined;

afterEach(() => {
  receiver?.kill("SIGKILL");
});

test("the example of a receiver verifies what it gets, and ends the streams of what was revoked", {
  timeout: 90_000,
}, async () => {
  const place = await sqlitePlace();
  const port = await freePort();
  const audience = `http://127.0.0.1:${String(port)}`;
  const service = await startService({
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: place.url,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN,
    MACP_AUTH_EVENTS_URL: `${audience}/events`,
  });
  const lines: string[] = [];
  receiver = spawn(process.execPath, [RECEIVER], {
    env: {
      PATH: process.env["PATH"],
      PORT: String(port),
      EVENTS_JWKS_URL: `http://127.0.0.1:${String(service.port)}/events/jwks.json`,
      EVENTS_ISSUER: "macp-auth-service",
      EVENTS_AUDIENCE: audience,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (receiver.stdout === null) throw new Error("no output");
  createInterface(receiver.stdout).on("line", (line) => lines.push(line));
  await until(async () => lines.length > 0);

  const admin = `http://127.0.0.1:${String((await service.event("admin_listening"))["port"])}`;
  const macpAuth = (...args: string[]) =>
    macpAuthWith({ MACP_AUTH_ADMIN_TOKEN: ADMIN_TOKEN }, ...args, "--admin", admin);
  expect(macpAuth("events", "send-test", "default")).toEqual({
    code: 0,
    out: "default accepted it\n",
    err: "",
  });
  macpAuth("revoke", "--sender", "agent://planner", "--reason", "stolen", "--yes");
  // The listening line, the test, the revocation.
  await until(async () => lines.length >= 3);
  expect(JSON.parse(lines[2] ?? "")).toMatchObject({
    events: { "urn:macp:auth:event:revoked": { kind: "sender", subject: "agent://planner" } },
    ended: 1,
  });
  receiver.kill("SIGKILL");
  expect(macpAuth("events", "send-test", "default")).toMatchObject({
    code: 1,
    err: expect.stringContaining("default did not accept it: connect_failed") as string,
  });
  await service.stop();
  await place.remove();
});
