import { describe, expect, test } from "vitest";
import { mayLeavePostgresOut, postgresPlace } from "../../service/src/testing/store-places.ts";
import { launchRuntime } from "../runtime/doors/runtime-process.ts";
import { freePort } from "../support/free-port.ts";
import { startDouble } from "./double-listeners.ts";
import { envoyFront, hasEnvoy } from "./envoy.ts";
import { type Front, ISSUER, type ProxyInFront, type RuntimeBehind, startGuarded } from "./guarded.ts";
import { hasNginx, nginxFront } from "./nginx.ts";
import { reportText, revocationLoad } from "./revocation-load.ts";

/** 100,000 take some minutes. */
const CALLS = Number(process.env["MACP_GUARD_CALLS"] ?? 3_000);

/** The real runtime, where `MACP_RUNTIME_BIN` names one with the HTTP/JSON listener. */
const IS_REAL = Boolean(process.env["MACP_RUNTIME_BIN"]);

/** Envoy asks by gRPC, nginx over HTTP: the same promise at both listeners of the guard. */
const FRONTS: readonly (readonly [name: string, front: Front<ProxyInFront>, isThere: () => boolean])[] = [
  ["nginx", nginxFront, hasNginx],
  ["Envoy", envoyFront, hasEnvoy],
];

async function startRuntime(jwksUrl: string): Promise<RuntimeBehind> {
  if (!IS_REAL) return startDouble(jwksUrl, ISSUER);
  const runtime = await launchRuntime({ jwksUrl, jwksTtlSeconds: 60 }, await freePort());
  return { ...runtime, httpUrl: runtime.httpUrl ?? "" };
}

describe.each(FRONTS)("two replicas over PostgreSQL, and %s that asks both", (name, front, isThere) => {
  test.skipIf(!isThere() || mayLeavePostgresOut())(
    "accept no call later than a second after its token was revoked at either of them, under load, and reject no other",
    async () => {
      const guarded = await startGuarded(front, startRuntime, { replicas: 2, place: postgresPlace });
      try {
        const report = await revocationLoad(guarded, CALLS);
        console.log(reportText(`${IS_REAL ? "macp-runtime" : "a runtime double"} behind ${name}`, report));
        expect(report).toMatchObject({ late: 0, wronglyRejected: 0 });
        expect(report.revocations).toBeGreaterThanOrEqual(CALLS / 60);
        expect(report.rejected).toBeGreaterThan(0);
        expect(report.accepted).toBeGreaterThan(CALLS / 4);
      } finally {
        await guarded.stop();
      }
    },
    Math.max(120_000, CALLS * 10),
  );
});
