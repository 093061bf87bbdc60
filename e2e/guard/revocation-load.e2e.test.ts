import { describe, expect, test } from "vitest";
import { mayLeavePostgresOut, postgresPlace } from "../../service/src/testing/store-places.ts";
import { startDouble } from "./double-listeners.ts";
import { ISSUER, startGuarded } from "./guarded.ts";
import { hasNginx } from "./nginx.ts";
import { reportText, revocationLoad } from "./revocation-load.ts";

/** 100,000 take some minutes. */
const CALLS = Number(process.env["MACP_GUARD_CALLS"] ?? 3_000);

describe("two replicas over PostgreSQL, and nginx that asks both", () => {
  test.skipIf(!hasNginx() || mayLeavePostgresOut())(
    "accept no call later than a second after its token was revoked at either of them, under load, and reject no other",
    async () => {
      const guarded = await startGuarded((jwksUrl) => startDouble(jwksUrl, ISSUER), {
        replicas: 2,
        place: postgresPlace,
      });
      try {
        const report = await revocationLoad(guarded, CALLS);
        console.log(reportText("a runtime double behind nginx", report));
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
