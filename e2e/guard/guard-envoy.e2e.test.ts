import { setTimeout as pause } from "node:timers/promises";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpClient } from "../runtime/doors/http-client.ts";
import { runtimeClient } from "../runtime/doors/runtime-client.ts";
import { ISSUER } from "../support/access.ts";
import { ask } from "../support/raw-http.ts";
import { BOOT_MS_MAX, type RunningService } from "../support/service-process.ts";
import { type DoubleListeners, startDouble } from "./double-listeners.ts";
import { faultOfExample, type GuardEnvoy, hasEnvoy, startEnvoy } from "./envoy.ts";
import { type FollowedMint, followedMint } from "./sidecar.ts";

// deploy/examples/guard-envoy: a real Envoy with its configuration, a guard of its own process, and a runtime double behind it.
describe.skipIf(!hasEnvoy())(
  "Envoy in front of the runtime (skipped without envoy on the PATH or MACP_ENVOY_BIN)",
  () => {
    let mint: FollowedMint;
    let guard: RunningService;
    let double: DoubleListeners;
    let guardPort: number;
    let envoy: GuardEnvoy;
    let client: Client;

    beforeAll(async () => {
      mint = await followedMint();
      await mint.start();
      guard = await mint.guard({ MACP_AUTH_GUARD_GRPC_PORT: "0" });
      double = await startDouble(`${mint.url}/.well-known/jwks.json`, ISSUER);
      guardPort = Number((await guard.event("guard_grpc_listening"))["port"]);
      envoy = await startEnvoy({ guards: [guardPort], grpc: double.address, http: double.httpUrl });
      client = new Client(`127.0.0.1:${String(envoy.port)}`, credentials.createInsecure());
    }, BOOT_MS_MAX * 3);
    afterAll(async () => {
      client.close();
      await Promise.all([envoy.stop(), double.stop(), mint.remove()]);
    }, BOOT_MS_MAX);

    /** The gRPC status of a call with these headers. */
    function grpc(headers: Readonly<Record<string, string>>): Promise<number> {
      const metadata = new Metadata();
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      return new Promise((resolve) => {
        client.makeUnaryRequest(
          "/macp.v1.MACPRuntimeService/ListSessions",
          (bytes: Buffer) => bytes,
          (bytes: Buffer) => bytes,
          Buffer.alloc(0),
          metadata,
          (fault: ServiceError | null) => {
            resolve(fault === null ? status.OK : fault.code);
          },
        );
      });
    }

    async function http(headers: Readonly<Record<string, string | readonly string[]>>): Promise<number> {
      return (await ask(envoy.port, { method: "POST", path: "/macp/v1/ListSessions", headers, body: "{}" }))
        .status;
    }
    const withToken = (token: string) => ({ authorization: `Bearer ${token}` });
    const both = async (token: string) => [await grpc(withToken(token)), await http(withToken(token))];

    /** Waits for what must come, however slow the machine is. */
    async function until(token: string, answers: readonly number[]): Promise<void> {
      let last: readonly number[] = [];
      for (let tries = 0; tries < 400; tries += 1) {
        last = await both(token);
        if (String(last) === String(answers)) return;
        await pause(50);
      }
      expect(last).toEqual(answers);
    }

    test("accepts the configuration of the example as it is", () => {
      expect(faultOfExample()).toBeUndefined();
    });

    test("a live token passes, and a revoked one and none are UNAUTHENTICATED (16) to a gRPC client and 401 over HTTP", async () => {
      const token = await mint.mint();
      await until(token, [status.OK, 200]);
      expect([await grpc({}), await http({})]).toEqual([status.UNAUTHENTICATED, 401]);
      await mint.revoke({ token });
      await until(token, [status.UNAUTHENTICATED, 401]);
    });

    test("what a client says of its identity never arrives, and two Authorization headers never pass (N30)", async () => {
      const token = await mint.mint("agent://planner");
      await until(token, [status.OK, 200]);
      const claimed = {
        ...withToken(token),
        "x-auth-subject": "root",
        "x-auth-roles": "admin",
        x_auth_subject: "root",
        "x-auth_token-id": "root",
        "x-macp-token": "another-credential",
        "x-macp-agent-id": "root",
        "x-forwarded-host": "localhost",
        "x-real-ip": "127.0.0.1",
        forwarded: "for=127.0.0.1",
      };
      expect([await grpc(claimed), await http({ ...claimed, "x-auth-subject": ["root", "admin"] })]).toEqual([
        status.OK,
        200,
      ]);
      for (const { headers } of double.arrived.slice(-2)) {
        expect(headers.get("x-auth-subject")).toEqual(["agent://planner"]);
        const ofInterest = /^x[-_]auth|^x-macp|^x-forwarded-host$|^x-real-ip$|^forwarded$/;
        expect([...headers.keys()].filter((name) => ofInterest.test(name)).toSorted()).toEqual([
          "x-auth-expires",
          "x-auth-subject",
          "x-auth-token-id",
        ]);
      }
      const { authorization } = withToken(token);
      expect(await http({ authorization: [authorization, authorization] })).toBe(401);
    });

    test("every stream ends at the cap, also one that its client keeps open (N31)", async () => {
      const token = await mint.mint();
      await until(token, [status.OK, 200]);
      const capped = await startEnvoy({ guards: [guardPort], grpc: double.address, http: double.httpUrl }, [
        ["max_stream_duration: 300s", "max_stream_duration: 1s"],
      ]);
      const doors = [runtimeClient(capped.address), httpClient(capped.httpUrl)] as const;
      const [grpcDoor, httpDoor] = doors;
      const streams = [
        grpcDoor.stream("WatchSessions", token),
        grpcDoor.stream("StreamSession", token),
        httpDoor.stream("StreamSession", token),
      ];
      for (const { opened } of streams) expect(await opened).toBe("OK");
      const ends = () => streams.map((stream) => stream.ended());
      await expect.poll(ends, { timeout: 30_000 }).not.toContain(undefined);
      expect(ends().slice(0, 2)).toEqual(["INTERNAL", "INTERNAL"]);
      for (const door of doors) door.close();
      await capped.stop();
    });

    test("nothing passes while the guard is frozen, nor once it was killed: UNAVAILABLE (14) and 503 (N29)", {
      timeout: 60_000,
    }, async () => {
      const token = await mint.mint();
      await until(token, [status.OK, 200]);
      guard.signal("SIGSTOP");
      expect(await both(token)).toEqual([status.UNAVAILABLE, 503]);
      guard.signal("SIGCONT");
      await until(token, [status.OK, 200]);
      mint.service().signal("SIGSTOP");
      await until(token, [status.UNAVAILABLE, 503]);
      mint.service().signal("SIGCONT");
      await until(token, [status.OK, 200]);
      await guard.stop("SIGKILL");
      expect(await both(token)).toEqual([status.UNAVAILABLE, 503]);
    });
  },
);
