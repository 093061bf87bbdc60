import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CertificateFacts } from "../../callers/certificates/certificate-facts.ts";
import { type ClientCa, openClientCa } from "../../callers/certificates/client-ca.ts";
import { epochSeconds } from "../../kernel/clock.ts";
import { type ClientAuthorities, clientAuthorities } from "../../testing/client-certificates.ts";
import { clientCaWatch } from "./client-ca-watch.ts";

const NOW = 1_800_000_000;
const DAY_SECONDS = 86_400;
let authorities: ClientAuthorities;
beforeAll(async () => {
  authorities = await clientAuthorities(NOW);
}, 60_000);
afterAll(() => authorities.remove());

/** Looks twice at each moment, and gives what is logged. */
function watching() {
  const events: string[] = [];
  const log = pino(
    { base: null },
    {
      write: (line: string) => void events.push((JSON.parse(line) as { readonly event: string }).event),
    },
  );
  const watch = clientCaWatch(log);
  return (cas: readonly ClientCa[], seconds: number): readonly string[] => {
    events.length = 0;
    for (let looks = 1; looks <= 2; looks += 1) watch(cas, epochSeconds(NOW + seconds));
    return [...events];
  };
}

test("the end of a client CA is reported a week before, and then; that of a revocation list when it comes; each once", async () => {
  const mesh = await authorities.root("mesh");
  const [caPem, crlPem] = [mesh.certificate, await mesh.revocationList(60)];
  const watch = watching();
  const cas = [openClientCa({ name: "mesh", caPem, crlPem })];
  const seenAt = (seconds: number) => watch(cas, seconds);
  expect(seenAt(0)).toEqual([]);
  expect(seenAt(59)).toEqual([]);
  expect(seenAt(60)).toEqual(["revocation_list_ended"]);
  expect(seenAt(22 * DAY_SECONDS)).toEqual([]);
  expect(seenAt(23 * DAY_SECONDS)).toEqual(["client_ca_expires"]);
  expect(seenAt(30 * DAY_SECONDS)).toEqual([]);
  expect(seenAt(30 * DAY_SECONDS + 1)).toEqual(["client_ca_expired"]);
});

test("the end of a client CA that lives for a day is reported when a quarter of that is left, and a bundle that is gone each time", () => {
  const watch = watching();
  const facts = {
    notBefore: NOW,
    notAfter: NOW + DAY_SECONDS,
  } as Partial<CertificateFacts> as CertificateFacts;
  const ca = (authorities: readonly CertificateFacts[]): readonly ClientCa[] => [
    { name: "spire", authorities, trustDomain: "example.org", revocations: undefined },
  ];
  expect(watch(ca([facts]), 0.74 * DAY_SECONDS)).toEqual([]);
  expect(watch(ca([facts]), 0.75 * DAY_SECONDS)).toEqual(["client_ca_expires"]);
  expect(watch(ca([]), 0.8 * DAY_SECONDS)).toEqual(["client_ca_empty"]);
  expect(watch(ca([facts]), 0.8 * DAY_SECONDS)).toEqual([]);
  expect(watch(ca([]), 0.9 * DAY_SECONDS)).toEqual(["client_ca_empty"]);
});
