import { request } from "node:http";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { privateJwk, signingWith } from "../support/signing-keys.ts";
import { clientAt, describeAtEachDoor, describeHttpDoor, httpUrlOf } from "./doors/doors.ts";
import { claims, forge } from "./doors/forged-token.ts";
import { eventStream, post } from "./doors/http-client.ts";
import type { RuntimeClient } from "./doors/runtime-client.ts";
import { DECISION, PARTICIPANT, sessionStart } from "./doors/session-start.ts";
import { endPair, type Pair, startPair } from "./pairs/pair.ts";

const [key, anotherKey] = [privateJwk("RS256"), privateJwk("RS256")];
let pair: Pair;
beforeAll(async () => {
  pair = await startPair(signingWith("RS256", key));
});
afterAll(() => endPair(pair));

interface Method {
  readonly name: string;
  readonly asksForToken: boolean;
  readonly streams?: true;
  /** The minor version of 0.x that brought it, where that is after 0.6. */
  readonly since?: number;
}

const MINOR = Number(inject("runtime").version.split(".")[1]);
/** WatchPolicies asks for a token since 0.12. */
const METHODS: readonly Method[] = [
  { name: "Initialize", asksForToken: false },
  { name: "GetManifest", asksForToken: false },
  { name: "ListModes", asksForToken: false },
  { name: "ListRoots", asksForToken: false },
  { name: "ListExtModes", asksForToken: false },
  { name: "GetReceiptKeys", asksForToken: false, since: 11 },
  { name: "WatchModeRegistry", asksForToken: false, streams: true },
  { name: "WatchRoots", asksForToken: false, streams: true },
  { name: "Send", asksForToken: true },
  { name: "GetSession", asksForToken: true },
  { name: "CancelSession", asksForToken: true },
  { name: "SuspendSession", asksForToken: true },
  { name: "ResumeSession", asksForToken: true },
  { name: "RegisterExtMode", asksForToken: true },
  { name: "UnregisterExtMode", asksForToken: true },
  { name: "PromoteMode", asksForToken: true },
  { name: "ListSessions", asksForToken: true },
  { name: "RegisterPolicy", asksForToken: true },
  { name: "UnregisterPolicy", asksForToken: true },
  { name: "GetPolicy", asksForToken: true },
  { name: "ListPolicies", asksForToken: true },
  { name: "WhatIfReplay", asksForToken: true, since: 10 },
  { name: "GetDecisionReceipt", asksForToken: true, since: 11 },
  { name: "StreamSession", asksForToken: true, streams: true },
  { name: "WatchSignals", asksForToken: true, streams: true },
  { name: "WatchSessions", asksForToken: true, streams: true },
  { name: "WatchPolicies", asksForToken: MINOR >= 12, streams: true },
];

describeAtEachDoor("without a token", (door) => {
  let client: RuntimeClient;
  beforeAll(() => {
    client = clientAt(pair.runtime, door);
  });
  afterAll(() => client.close());

  async function answerTo({ name, streams }: Method, token?: string): Promise<string> {
    if (name === "Send") return client.send(token, { message_type: "Signal" });
    if (streams !== true) return (await client.call(name, token)).status;
    const stream = client.stream(name, token);
    const opened = await stream.opened;
    stream.close();
    return opened;
  }

  const here = METHODS.filter(({ since = 0 }) => since <= MINOR);

  test.each(here.filter(({ asksForToken }) => asksForToken))("$name is rejected", async (method) => {
    expect(await answerTo(method)).toBe("UNAUTHENTICATED");
    const { token } = await pair.issuer.mint();
    expect(await answerTo(method, token)).not.toBe("UNAUTHENTICATED");
  });

  test.each(here.filter(({ asksForToken }) => !asksForToken))("$name is answered", async (method) => {
    expect(await answerTo(method)).not.toBe("UNAUTHENTICATED");
    expect(await answerTo(method, "no.token.at-all")).not.toBe("UNAUTHENTICATED");
  });

  test("a token as large as the service mints them is accepted", async () => {
    const { token } = await pair.issuer.mint({ scopes: { padding: "x".repeat(8_600) } });
    expect(token.length).toBeGreaterThan(11_500);
    expect(await client.verdict(token)).toBe("OK");
  });
});

describeHttpDoor("the HTTP/JSON door", () => {
  const url = (): string => httpUrlOf(pair.runtime);

  test("rejects a token with 401, WWW-Authenticate and MACP-Error-Code", async () => {
    for (const method of ["ListSessions", "WatchSessions"]) {
      const answer = await post(url(), method, {
        headers: { authorization: `Bearer ${forge(anotherKey)}` },
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(answer.headers.get("macp-error-code")).toBe("UNAUTHENTICATED");
      expect(await answer.json()).toMatchObject({ error: { code: "UNAUTHENTICATED" } });
    }
  });

  test("rejects a call without a token before it reads the body", async () => {
    const { hostname, port } = new URL(url());
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asked = request({
        hostname,
        port,
        method: "POST",
        path: "/macp/v1/Send",
        headers: { "content-type": "application/json", "content-length": "1000" },
      });
      asked.on("response", (answer) => {
        resolve(answer.statusCode);
        asked.destroy();
      });
      asked.on("error", reject);
      asked.flushHeaders();
    });
    expect(status).toBe(401);
    expect((await post(url(), "Send", { body: "no JSON at all" })).status).toBe(401);
  });

  test("accepts a token only in an authorization header that begins with Bearer", async () => {
    const { token } = await pair.issuer.mint();
    const statusWith = async (headers: object): Promise<number> =>
      (await post(url(), "ListSessions", { headers })).status;
    expect(await statusWith({ authorization: `Bearer ${token}` })).toBe(200);
    expect(await statusWith({ authorization: `bearer ${token}` })).toBe(401);
    expect(await statusWith({ authorization: token })).toBe(401);
    expect(await statusWith({ "x-macp-token": token })).toBe(401);
    expect(await statusWith({ cookie: `authorization=${token}; token=${token}` })).toBe(401);
    expect((await post(url(), `ListSessions?access_token=${token}`)).status).toBe(401);
  });

  test("serves its manifest without a token", async () => {
    const answer = await fetch(`${url()}/.well-known/macp.json`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/macp-manifest+json");
    expect(await answer.json()).toMatchObject({ agent_id: "macp-runtime" });
  });
});

describeHttpDoor("a stream of server-sent events", () => {
  const url = (): string => httpUrlOf(pair.runtime);
  const sender = PARTICIPANT;
  const forged = (exp: number): string => forge(key, { payload: claims({ sub: sender, exp }) });
  const nowSeconds = (): number => Math.floor(Date.now() / 1_000);

  async function startedSession(client: RuntimeClient, token: string): Promise<string> {
    const session_id = crypto.randomUUID();
    expect(await client.send(token, sessionStart(session_id))).toBe("ok");
    return session_id;
  }

  function propose(
    client: RuntimeClient,
    token: string,
    session_id: string,
    proposal_id: string,
  ): Promise<string> {
    const payload = { proposal_id, option: "an option", rationale: "a reason" };
    return client.send(token, {
      message_type: "Proposal",
      mode: DECISION,
      session_id,
      payload,
    });
  }

  test("outlives its token; each reconnect needs a valid one, and with a fresh one continues after the last event", async () => {
    const client = clientAt(pair.runtime, "HTTP/JSON");
    const { token: fresh } = await pair.issuer.mint({ sender });
    const session_id = await startedSession(client, fresh);
    // The runtime's leeway is 60 s: it accepts this token for 3 s more.
    const brief = forged(nowSeconds() - 57);
    const subscribe = (token: string, lastEventId?: string) =>
      eventStream(
        url(),
        "StreamSession",
        {
          authorization: `Bearer ${token}`,
          ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
        },
        { subscribe_session_id: session_id },
      );

    const first = subscribe(brief);
    expect(await first.opened).toBe("OK");
    await expect
      .poll(async () => (await client.verdict(brief)) === "UNAUTHENTICATED", { timeout: 10_000 })
      .toBe(true);
    expect(await propose(client, fresh, session_id, "while the token has expired")).toBe("ok");
    await expect.poll(() => first.events.map(({ id }) => id)).toEqual(["1", "2"]);
    expect(first.ended()).toBeUndefined();
    first.close();

    expect(await propose(client, fresh, session_id, "while nobody listens")).toBe("ok");
    expect(await subscribe(brief, "2").opened).toBe("UNAUTHENTICATED");
    const { token: renewed } = await pair.issuer.mint({ sender });
    const second = subscribe(renewed, "2");
    expect(await second.opened).toBe("OK");
    await expect.poll(() => second.events.map(({ id }) => id)).toEqual(["3"]);
    expect(await propose(client, renewed, session_id, "live again")).toBe("ok");
    await expect.poll(() => second.events.map(({ id }) => id)).toEqual(["3", "4"]);
    second.close();
    client.close();
  });

  test("needs the token of a participant, or of an observer", async () => {
    const client = clientAt(pair.runtime, "HTTP/JSON");
    const session_id = await startedSession(client, (await pair.issuer.mint({ sender })).token);
    const opened = async (scopes: object): Promise<string> => {
      const { token } = await pair.issuer.mint({ sender: "agent://stranger", scopes });
      const stream = client.stream("StreamSession", token, { subscribe_session_id: session_id });
      return stream.opened;
    };
    expect(await opened({})).toBe("PERMISSION_DENIED");
    expect(await opened({ is_observer: true })).toBe("OK");
    client.close();
  });
});
