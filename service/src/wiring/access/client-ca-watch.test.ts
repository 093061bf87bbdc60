import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openClientCa } from "../../callers/certificates/client-ca.ts";
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

test("the end of a client CA is reported a week before, and then; that of a revocation list when it comes; each once", async () => {
  const mesh = await authorities.root("mesh");
  const [caPem, crlPem] = [mesh.certificate, await mesh.revocationList(60)];
  const events: string[] = [];
  const log = pino(
    { base: null },
    {
      write: (line: string) => void events.push((JSON.parse(line) as { readonly event: string }).event),
    },
  );
  const watch = clientCaWatch(log);
  const cas = [openClientCa({ name: "mesh", caPem, crlPem })];
  const seenAt = (seconds: number): readonly string[] => {
    events.length = 0;
    for (let looks = 1; looks <= 2; looks += 1) watch(cas, epochSeconds(NOW + seconds));
    return [...events];
  };
  expect(seenAt(0)).toEqual([]);
  expect(seenAt(59)).toEqual([]);
  expect(seenAt(60)).toEqual(["revocation_list_ended"]);
  expect(seenAt(22 * DAY_SECONDS)).toEqual([]);
  expect(seenAt(23 * DAY_SECONDS)).toEqual(["client_ca_expires"]);
  expect(seenAt(30 * DAY_SECONDS)).toEqual([]);
  expect(seenAt(30 * DAY_SECONDS + 1)).toEqual(["client_ca_expired"]);
});
