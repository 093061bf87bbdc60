import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_ROUTES } from "../../service/src/http/admin-server.ts";
import { PUBLIC_ROUTES } from "../../service/src/http/public-server.ts";
import { type Authority, makeAuthority } from "../../service/src/testing/certificates.ts";
import {
  type CertificateOrder,
  type ClientAuthorities,
  type ClientAuthority,
  type ClientCertificate,
  clientAuthorities,
  FOR_CLIENTS,
} from "../../service/src/testing/client-certificates.ts";
import { type AccessFolder, ALL_SCOPES, accessFolder, linesOf } from "../support/access.ts";
import { BOOT_MS_MAX, type RunningService, startService } from "../support/service-process.ts";
import { type TlsAnswer, TlsClient } from "../support/tls-client.ts";
import { STATES, type State } from "./proof-states.ts";

// The proof that is not in a header: client certificates in every state, at every endpoint of both TLS listeners.

const ROLES = ["none", "viewer", "operator", "security"] as const;
const UNAUTHORISED = '{"error":"a bearer token is required"}';
const INSUFFICIENT = '{"error":"the role of this caller does not allow this"}';
const NOW = Math.floor(Date.now() / 1_000);

let own: Authority;
let serviceCa: string;
let authorities: ClientAuthorities;
let mesh: ClientAuthority;
let stranger: ClientAuthority;
/** Another authority of the same name, with a key of its own. */
let namesake: ClientAuthority;
let others: ClientAuthorities;
let folder: AccessFolder;
let service: RunningService;
let adminPort: number;

const nameOf = (caller: string) => `spiffe://example.org/${caller}`;
const issued = (caller: string, order: CertificateOrder = {}, by: ClientAuthority = mesh) =>
  by.issue(caller, { names: `URI:${nameOf(caller)}`, ...order });

beforeAll(async () => {
  own = await makeAuthority();
  serviceCa = await readFile(own.path, "utf8");
  const served = await own.issue("localhost", "DNS:localhost,IP:127.0.0.1");
  authorities = await clientAuthorities(NOW);
  others = await clientAuthorities(NOW);
  [mesh, stranger] = await Promise.all([authorities.root("mesh"), authorities.root("stranger")]);
  namesake = await others.root("mesh");
  folder = await accessFolder("");
  await folder.file("mesh.pem", mesh.certificate);
  const caller = (name: string, members: object = {}) => [
    name,
    { ...members, proofs: [{ certificate: { ca: "mesh", uri: nameOf(name) } }] },
  ];
  await folder.put({
    version: 1,
    client_cas: { mesh: { ca_file: "mesh.pem" } },
    callers: Object.fromEntries([
      ...ROLES.map((role) =>
        caller(role, role === "none" ? {} : { role, introspects: ["macp-runtime"], guards: true }),
      ),
      caller("off", { role: "security", disabled: true }),
      caller("ended", { role: "security", expires: "2020-01-01" }),
    ]) as object,
    grants: [{ name: "all", callers: ["security", "off", "ended"], senders: ["**"], scopes: ALL_SCOPES }],
  });
  service = await startService({
    ...folder.env,
    HOST: "127.0.0.1",
    MACP_AUTH_SIGNING_ALG: "ES256",
    MACP_AUTH_STORE_URL: `sqlite:${join(dirname(folder.path), "store.db")}`,
    MACP_AUTH_KEK: randomBytes(32).toString("base64url"),
    MACP_AUTH_TLS_CERT_FILE: served.certificatePath,
    MACP_AUTH_TLS_KEY_FILE: served.keyPath,
    MACP_AUTH_EVENTS_URL: "http://127.0.0.1:9/events",
    MACP_AUTH_STATUS_LISTS: "on",
    MACP_AUTH_PUBLIC_URL: "https://auth.example",
    MACP_AUTH_ADMIN_PORT: "0",
    MACP_AUTH_ADMIN_TOKEN: "an-admin-token-of-32-characters!",
  });
  adminPort = Number((await service.event("admin_listening"))["port"]);
}, 2 * BOOT_MS_MAX);
afterAll(async () => {
  await service.stop("SIGKILL");
  await Promise.all([folder.remove(), authorities.remove(), others.remove(), own.remove()]);
});

/** What a client shows in a state, with the reason that the log must give. */
type Shown = readonly [certificate: ClientCertificate | undefined, reason: string];

/** Where a state says nothing of a certificate, its cell is empty: docs/mtls.md has the same table. */
const CELLS: Readonly<Record<State, () => Promise<readonly Shown[]>>> = {
  absent: async () => [[undefined, "credential_missing"]],
  malformed: async () => [
    [await issued("x", { names: `URI:${nameOf("security")},URI:${nameOf("b")}` }), "certificate_malformed"],
  ],
  // TLS itself proves that the client has the key; what may be wrong is the key of the authority.
  "wrong key": async () => [[await issued("security", {}, namesake), "certificate_untrusted"]],
  expired: async () => [
    [await issued("security", { notBefore: NOW - 90, notAfter: NOW - 1 }), "certificate_expired"],
    [await issued("ended"), "caller_expired"],
  ],
  "not yet valid": async () => [
    [await issued("security", { notBefore: NOW + 3_600 }), "certificate_not_yet_valid"],
  ],
  // Each handshake proves the key anew, and no session is resumed.
  replayed: async () => [],
  "other issuer": async () => [[await issued("security", {}, stranger), "certificate_untrusted"]],
  // A certificate names no audience; what it is for is the nearest to one.
  "other audience": async () => [
    [
      await issued("security", { extensions: [...FOR_CLIENTS.slice(0, 2), "extendedKeyUsage=serverAuth"] }),
      "certificate_not_for_clients",
    ],
  ],
  "disabled caller": async () => [[await issued("off"), "caller_disabled"]],
  right: async () => [[await issued("security"), ""]],
};

async function asked(
  port: number,
  certificate: ClientCertificate | undefined,
  [method, path]: readonly [string, string],
  body?: object,
): Promise<TlsAnswer> {
  const shown = certificate && { cert: certificate.certificate, key: certificate.key };
  const client = new TlsClient(port, { ca: serviceCa, ...shown });
  try {
    const at = path === "/guard/feed" ? `${path}?after=-1` : path.replace("{name}", "mesh");
    return await (body === undefined
      ? client.ask(method, at)
      : at.startsWith("/oauth/")
        ? client.ask(method, at, { "content-type": "application/x-www-form-urlencoded" }, "token=x")
        : client.ask(method, at, { "content-type": "application/json" }, JSON.stringify(body)));
  } finally {
    client.close();
  }
}

describe("the public TLS listener mints only for a right certificate", () => {
  test.each(STATES)("%s", async (state) => {
    const before = service.events("caller_rejected").length;
    const minted = service.events("token_minted").length;
    const expected: string[] = [];
    const shown = await CELLS[state]();
    for (const { method, path, access } of PUBLIC_ROUTES) {
      const isAsking = access === "caller";
      const body = method === "POST" ? { sender: "agent://planner", scopes: {} } : undefined;
      const anybodys = await asked(service.port, undefined, [method, path], body);
      if (isAsking) expected.push("credential_missing");
      for (const [certificate, reason] of shown) {
        const answer = await asked(service.port, certificate, [method, path], body);
        const isAdmitted = !isAsking || state === "right";
        // No list has the name `{id}`.
        const admitted = path === "/statuslists/{id}" ? 404 : 200;
        expect([path, reason, answer.status]).toEqual([path, reason, isAdmitted ? admitted : 401]);
        if (!isAdmitted) expected.push(reason);
        // A stranger's answer says nothing, and an endpoint that asks for no caller looks at no certificate.
        if (!isAsking || !isAdmitted) expect([path, answer.body]).toEqual([path, anybodys.body]);
      }
    }
    const lines = (await linesOf(service, "caller_rejected", before + expected.length)).slice(before);
    expect(lines.map(({ reason }) => reason)).toEqual(expected);
    const tokens = (await linesOf(service, "token_minted", minted + (state === "right" ? 1 : 0))).slice(
      minted,
    );
    expect(tokens.map(({ caller, grant }) => [caller, grant])).toEqual(
      state === "right" ? [["security", "all"]] : [],
    );
  });
});

describe("the admin TLS listener", () => {
  // No body of an operation on keys is valid here, so that nothing changes.
  const bodyOf = (path: string) => (path.startsWith("/keys/") ? { nothing: 1 } : undefined);

  test.each(STATES.filter((state) => state !== "right"))(
    "answers no certificate but a right one: %s",
    async (state) => {
      const before = service.events("admin_refused").length;
      const expected: string[] = [];
      for (const [certificate, reason] of await CELLS[state]())
        for (const { method, path } of ADMIN_ROUTES) {
          const { status, body } = await asked(adminPort, certificate, [method, path], bodyOf(path));
          expect([path, reason, status, body]).toEqual([path, reason, 401, UNAUTHORISED]);
          expected.push(reason);
        }
      const lines = (await linesOf(service, "admin_refused", before + expected.length)).slice(before);
      expect(lines.map(({ cause }) => cause)).toEqual(expected);
    },
  );

  test.each(ROLES)("answers a right certificate by the role of its caller: %s", async (role) => {
    const certificate = await issued(role);
    for (const { method, path, roles } of ADMIN_ROUTES) {
      const { status, body } = await asked(adminPort, certificate, [method, path], bodyOf(path));
      const isOf = (roles as readonly string[]).includes(role);
      if (!isOf) expect([path, status, body]).toEqual([path, 403, INSUFFICIENT]);
      // No issuer is declared here, so that none can be forgotten.
      else expect([path, [200, 400, 404].includes(status)]).toEqual([path, true]);
    }
  });
});
