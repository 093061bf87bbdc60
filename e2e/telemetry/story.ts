import { once } from "node:events";
import { connect } from "node:net";
import { bearer, reload } from "../support/access.ts";
import { ask, postTokens, type WireResponse } from "../support/raw-http.ts";
import type { RunningService } from "../support/service-process.ts";
import { ADMIN_TOKEN, type Fleet, overTls } from "./fleet.ts";

/** One act: what happens, and how it ends, where it lasts. */
export interface Act {
  readonly name: string;
  readonly begin: (fleet: Fleet) => unknown;
  readonly end?: (fleet: Fleet) => unknown;
}

/** How often figures are read. */
export const LOOK_MS = 300;

const AGENTS = ["agent://planner", "agent://coder", "agent://critic"];

/** Everyday traffic at both replicas: mints, fetches of the keys and of status lists, questions of a guard. */
export async function everyday({ members: [first, second], secrets }: Fleet): Promise<void> {
  for (const { service } of [first, second]) {
    const minted = await Promise.all(AGENTS.map((sender) => mint(service, secrets.planner, { sender })));
    for (const path of ["/.well-known/jwks.json", "/statuslists"]) await ask(service.port, { path });
    for (const token of minted) if (token !== undefined) await check(service, token);
  }
}

/** The same, with what else happens on a quiet day: questions about tokens, and mints that are only observed. */
export async function quietDay(fleet: Fleet): Promise<void> {
  const {
    members: [{ service }, , outside],
    secrets,
  } = fleet;
  await everyday(fleet);
  const token = await mint(service, secrets.planner, { sender: "agent://planner" });
  if (token !== undefined) await form(service, "/oauth/introspect", secrets.guard, token);
  if (token !== undefined) await ask(fleet.guard.adminPort, { path: "/check", headers: bearer(token) });
  await mintOverTls(outside.service, "agent://outside");
}

/** The acts of a day, in their order. Each leaves behind what the next one finds, and the fleet works at the end. */
export const ACTS: readonly Act[] = [
  { name: "requests that are rejected", begin: rejected },
  { name: "tokens are asked about and stopped", begin: stopped },
  { name: "an operator rotates, and a stranger is rejected", begin: operators },
  { name: "too many connections", begin: connections },
  {
    name: "a receiver of events that answers again",
    begin: (fleet) => fleet.eventsAnswer(202),
  },
  {
    name: "a guard that does not hear of its mint",
    begin: ({ feed }) => feed.cut(),
    end: ({ feed }) => feed.restore(),
  },
  {
    name: "a fault in the access document",
    begin: (fleet) => putDocument(fleet, { ...fleet.document, version: 99 }),
    end: (fleet) => putDocument(fleet, fleet.document),
  },
  {
    name: "a store that does not answer",
    begin: cutOff,
    end: restore,
  },
  {
    name: "the server of limits is lost",
    begin: ({ redis }) => redis.kill(),
    end: ({ redis }) => redis.start(),
  },
  {
    name: "a witness that takes notes again",
    begin: (fleet) => fleet.witnessAnswers(204),
  },
  {
    name: "a service that only observes, and its certificate",
    begin: outside,
    end: (fleet) => putTls(fleet, "renewed"),
  },
];

async function mint(service: RunningService, secret: string, body: object): Promise<string | undefined> {
  const answer = await postTokens(service.port, body, bearer(secret));
  return answer.status === 200 ? (JSON.parse(answer.text) as { token: string }).token : undefined;
}

async function portOf(service: RunningService, event: string): Promise<number> {
  return Number((await service.event(event))["port"]);
}

/** One of the requests that a stranger or a caller may fill with any text. */
export async function strange(
  { members: [{ service }], secrets }: Fleet,
  text: string,
  turn: number,
): Promise<unknown> {
  const headers = { "x-request-id": text, "user-agent": text, traceparent: text };
  const guard = await portOf(service, "guard_listening");
  const unsigned = [
    { alg: "ES256", kid: text },
    { iss: text, sub: text, jti: text },
  ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  const token = `${unsigned.join(".")}.${text}`;
  const requests = [
    () =>
      postTokens(
        service.port,
        { sender: `agent://${text}`, run: text },
        { ...headers, ...bearer(secrets.planner) },
      ),
    () =>
      postTokens(service.port, { sender: text, scopes: { [text]: text } }, { ...headers, ...bearer(text) }),
    () =>
      postTokens(
        service.port,
        { sender: "agent://x", audience: text, parent: text },
        bearer(secrets.planner),
      ),
    () => ask(service.port, { path: `/${text}?${text}=${text}`, headers }),
    () => form(service, "/oauth/introspect", secrets.guard, token),
    () => form(service, "/oauth/revoke", secrets.planner, token),
    () => ask(guard, { path: `/check?${text}=1`, headers: bearer(token) }),
    () => ask(guard, { path: `/${text}`, method: "POST", headers: bearer(token) }),
  ];
  return requests[turn % requests.length]?.();
}

/** As a proxy asks the guard. */
async function check(service: RunningService, token: string | undefined, query = ""): Promise<WireResponse> {
  return ask(await portOf(service, "guard_listening"), {
    path: `/check${query}`,
    headers: token === undefined ? {} : bearer(token),
  });
}

/** Sends it again while the replica does not know what is revoked, as on a busy machine it may not for a moment. */
async function form(
  service: RunningService,
  path: string,
  secret: string,
  token: string,
): Promise<WireResponse> {
  for (let tries = 0; ; tries += 1) {
    const answer = await ask(service.port, {
      method: "POST",
      path,
      headers: { "content-type": "application/x-www-form-urlencoded", ...bearer(secret) },
      body: `token=${token}`,
    });
    if (answer.status !== 503 || tries > 50) return answer;
    await pauseFor(100);
  }
}

async function admin(fleet: Fleet, path: string, body?: object, token = ADMIN_TOKEN): Promise<WireResponse> {
  return ask(fleet.members[0].adminPort, {
    path,
    headers: { ...bearer(token), "content-type": "application/json" },
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
}

async function rejected({ members: [{ service }], secrets }: Fleet): Promise<void> {
  await postTokens(service.port, {}, bearer(secrets.planner));
  await postTokens(service.port, { sender: "agent://x" }, bearer("macps_not-a-secret"));
  await check(service, undefined);
  await check(service, "not.a.token");
  await check(service, "not.a.token", "?no_such_requirement=1");
}

async function stopped(fleet: Fleet): Promise<void> {
  const {
    members: [{ service }],
    secrets,
  } = fleet;
  const [token = "", other = ""] = [
    await mint(service, secrets.planner, { sender: "agent://leaked" }),
    await mint(service, secrets.planner, { sender: "agent://rogue" }),
  ];
  await form(service, "/oauth/introspect", secrets.guard, token);
  await form(service, "/oauth/introspect", "macps_not-a-secret", token);
  await form(service, "/oauth/revoke", secrets.planner, token);
  await admin(fleet, "/revocations", { sender: "agent://rogue", reason: "went rogue" });
  await ask(service.port, { path: "/guard/feed?after=-1", headers: bearer(secrets.guard) });
  for (const one of [token, other]) {
    await form(service, "/oauth/introspect", secrets.guard, one);
    await check(service, one);
  }
}

/** Once those mints were rejected, which takes two seconds, and somebody had the time to look. */
async function restore({ store }: Fleet): Promise<void> {
  await held;
  await pauseFor(LOOK_MS * 2);
  store.restore();
}

async function operators(fleet: Fleet): Promise<void> {
  await admin(fleet, "/keys", undefined, "not-the-token");
  await admin(fleet, "/keys/rotate", {});
}

function pauseFor(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** More than an address may have. */
const CONNECTIONS = 80;

async function connections({ members: [{ service }] }: Fleet): Promise<void> {
  const sockets = Array.from({ length: CONNECTIONS }, () => connect(service.port, "127.0.0.1"));
  for (const socket of sockets) socket.on("error", () => undefined);
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  await pauseFor(200);
  for (const socket of sockets) socket.destroy();
  // Until the service has noticed, this story itself has too many.
  await pauseFor(500);
}

async function putDocument({ access, members: [first] }: Fleet, document: object): Promise<void> {
  await access.put(document);
  await reload(first.service);
}

async function putTls(fleet: Fleet, which: "renewed" | "broken"): Promise<void> {
  await fleet.putTls(which);
  await reload(fleet.members[2].service);
}

/** The mints that wait for the store. */
let held: Promise<unknown> = Promise.resolve();

/** Its mints wait when this is over: they are answered within two seconds, with 503. */
async function cutOff(fleet: Fleet): Promise<void> {
  const [, { service }] = fleet.members;
  fleet.store.freeze();
  held = Promise.all(AGENTS.map((sender) => mint(service, fleet.secrets.planner, { sender })));
  await ask(service.port, { path: "/.well-known/jwks.json" });
}

async function outside(fleet: Fleet): Promise<void> {
  const [, , { service }] = fleet.members;
  for (let count = 0; count < 3; count += 1) await mintOverTls(service, "agent://outside");
  await putTls(fleet, "broken");
}

/** A mint over TLS, whose certificate only this story knows. */
async function mintOverTls(service: RunningService, sender: string): Promise<void> {
  const options = { method: "POST", path: "/tokens", headers: { "content-type": "application/json" } };
  await overTls(service.port, options, JSON.stringify({ sender }));
}
