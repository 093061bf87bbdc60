import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type ClientAuthorities,
  type ClientAuthority,
  clientAuthorities,
} from "../../service/src/testing/client-certificates.ts";
import { derOf, type MadeSvid, makeSvid } from "../../service/src/testing/spiffe/svids.ts";
import { WorkloadApiDouble } from "../../service/src/testing/spiffe/workload-api-double.ts";
import { accessFolder } from "../support/access.ts";
import { withService } from "../support/service-process.ts";
import { TlsClient } from "../support/tls-client.ts";

let authorities: ClientAuthorities;
let old: ClientAuthority;
let renewed: ClientAuthority;
let foreign: ClientAuthority;
let server: MadeSvid;
let planner: MadeSvid;
let later: MadeSvid;
let partner: MadeSvid;
let impostor: MadeSvid;

beforeAll(async () => {
  authorities = await clientAuthorities(Math.floor(Date.now() / 1_000));
  [old, renewed, foreign] = (await Promise.all(
    ["old", "renewed", "foreign"].map((name) => authorities.root(name)),
  )) as [ClientAuthority, ClientAuthority, ClientAuthority];
  const id = "spiffe://example.org/ns/prod/sa/planner";
  server = await makeSvid(old, "server");
  planner = await makeSvid(old, "planner", { id, names: "" });
  later = await makeSvid(renewed, "later", { id, names: "" });
  partner = await makeSvid(foreign, "partner", { id: "spiffe://partner.example/agent", names: "" });
  impostor = await makeSvid(foreign, "impostor", { id, names: "" });
});
afterAll(() => authorities.remove());

const DOCUMENT = {
  version: 1,
  client_cas: {
    mesh: { spiffe_trust_domain: "example.org" },
    partner: { spiffe_trust_domain: "partner.example" },
  },
  callers: {
    planner: { proofs: [{ certificate: { ca: "mesh", uri: "spiffe://example.org/ns/prod/sa/*" } }] },
    partner: { proofs: [{ certificate: { ca: "partner", uri: "spiffe://*/**" } }] },
  },
  grants: [{ name: "own", callers: ["planner", "partner"], senders: ["agent://*"], scopes: {} }],
};

test("the bundles of the agent are client CAs: one that is added, replaced or taken away is in force for open connections too, and proves only its own trust domain", async () => {
  const api = new WorkloadApiDouble();
  await api.start();
  const access = await accessFolder(DOCUMENT);
  /** What the agent gives: its own certificate with these authorities, and those of the partner or none. */
  const give = (bundle: Buffer, federated: Record<string, Buffer> = {}): void => {
    api.give({ svids: [{ ...server.given, bundle }], federated_bundles: federated });
  };
  const withPartner = { "spiffe://partner.example": derOf(foreign.certificate) };
  give(derOf(old.certificate));
  const env = { ...access.env, HOST: "127.0.0.1", MACP_AUTH_SIGNING_ALG: "ES256" };
  await withService({ ...env, MACP_AUTH_SPIFFE_SOCKET: api.endpoint }, async (service) => {
    const clients: TlsClient[] = [];
    const clientOf = ({ certificate, key }: MadeSvid): TlsClient => {
      const client = new TlsClient(service.port, { ca: old.certificate, cert: certificate, key });
      clients.push(client);
      return client;
    };
    const statusOf = async (client: TlsClient, who: string): Promise<number> =>
      (await client.mint(`agent://${who}`)).status;
    const untilStatus = async (client: () => TlsClient, who: string, status: number): Promise<void> => {
      await expect.poll(() => statusOf(client(), who), { timeout: 30_000, interval: 100 }).toBe(status);
    };
    const first = clientOf(planner);
    expect(await statusOf(first, "planner")).toBe(200);
    expect(await statusOf(clientOf(partner), "partner")).toBe(401);
    await expect
      .poll(() => service.events("client_ca_empty"), { timeout: 20_000 })
      .toMatchObject([{ client_ca: "partner" }]);
    await expect.poll(() => api.streams).toBe(1);

    give(derOf(old.certificate), withPartner);
    await untilStatus(() => clientOf(partner), "partner", 200);
    const federated = clientOf(partner);
    expect(await statusOf(federated, "partner")).toBe(200);
    expect(await statusOf(clientOf(impostor), "planner")).toBe(401);

    give(derOf(old.certificate + renewed.certificate));
    // Over the connection that had been accepted.
    await untilStatus(() => federated, "partner", 401);
    await untilStatus(() => clientOf(later), "planner", 200);
    expect(await statusOf(first, "planner")).toBe(200);

    give(derOf(renewed.certificate));
    await untilStatus(() => first, "planner", 401);
    expect(await statusOf(clientOf(later), "planner")).toBe(200);
    expect(service.events("access_document_rejected")).toEqual([]);
    // Only authorities changed, and not the certificate of the service.
    expect([service.events("tls_changed"), service.events("tls_rejected")]).toEqual([[], []]);
    for (const client of clients) client.close();
  });
  api.remove();
  await access.remove();
}, 120_000);
