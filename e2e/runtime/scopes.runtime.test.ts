import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { privateJwk, signingWith } from "../support/signing-keys.ts";
import { clientAt, describeAtEachDoor } from "./doors/doors.ts";
import { claimsWithScopes, forge } from "./doors/forged-token.ts";
import type { RuntimeClient } from "./doors/runtime-client.ts";
import { DECISION, PARTICIPANT, sessionStart } from "./doors/session-start.ts";
import { endPair, type Pair, startPair } from "./pairs/pair.ts";

const TASK = "macp.mode.task.v1";
const key = privateJwk("RS256");

let senders = 0;

describeAtEachDoor("scopes", (door) => {
  let pair: Pair;
  let client: RuntimeClient;

  beforeAll(async () => {
    pair = await startPair(signingWith("RS256", key));
    client = clientAt(pair.runtime, door);
  });
  afterAll(async () => {
    client.close();
    await endPair(pair);
  });

  /** A sender of its own for each test: the runtime counts sessions and messages by sender. */
  function newSender(): string {
    senders += 1;
    return `agent://sender-${String(senders)}`;
  }

  async function tokenWith(scopes: object, sender: string = newSender()): Promise<string> {
    return (await pair.issuer.mint({ sender, scopes })).token;
  }

  /** Starts a session of a mode; gives its id and what the runtime said. */
  async function start(
    token: string,
    mode: string = DECISION,
  ): Promise<{ readonly id: string; readonly said: string }> {
    const id = crypto.randomUUID();
    return { id, said: await client.send(token, sessionStart(id, mode)) };
  }

  function signal(token: string): Promise<string> {
    return client.send(token, { message_type: "Signal", payload: { name: "a story" } });
  }

  describe("can_start_sessions", () => {
    test.each([{}, { can_start_sessions: true }, { can_start_sessions: null }])(
      "%j lets a token start sessions",
      async (scopes) => {
        expect(await start(await tokenWith(scopes))).toMatchObject({ said: "ok" });
      },
    );

    test("false forbids it, and nothing else", async () => {
      const token = await tokenWith({ can_start_sessions: false });
      expect(await start(token)).toMatchObject({ said: "FORBIDDEN" });
      expect(await signal(token)).toBe("ok");
    });
  });

  describe("allowed_modes", () => {
    test.each([{}, { allowed_modes: null }])("%j is every mode", async (scopes) => {
      const token = await tokenWith(scopes);
      expect(await start(token, DECISION)).toMatchObject({ said: "ok" });
      expect(await start(token, TASK)).toMatchObject({ said: "ok" });
      expect(await signal(token)).toBe("ok");
    });

    test.each([[[]], [["*"]], [["macp.mode.*"]], [["macp.mode.decision"]], [[DECISION.toUpperCase()]]])(
      "%j is no mode that exists",
      async (allowed_modes) => {
        const token = await tokenWith({ allowed_modes });
        expect(await start(token, DECISION)).toMatchObject({ said: "FORBIDDEN" });
        expect(await start(token, TASK)).toMatchObject({ said: "FORBIDDEN" });
        expect(await signal(token)).toBe("FORBIDDEN");
      },
    );

    test("a named mode is only that mode, and no ambient signal", async () => {
      const token = await tokenWith({ allowed_modes: [DECISION] });
      expect(await start(token, DECISION)).toMatchObject({ said: "ok" });
      expect(await start(token, TASK)).toMatchObject({ said: "FORBIDDEN" });
      expect(await signal(token)).toBe("FORBIDDEN");
    });

    test("the empty name lets ambient signals through", async () => {
      const token = await tokenWith({ allowed_modes: [""] });
      expect(await signal(token)).toBe("ok");
      expect(await start(token, DECISION)).toMatchObject({ said: "FORBIDDEN" });
    });

    test("no mode at all still lists sessions, and cancels its sender's own", async () => {
      const sender = newSender();
      const { id } = await start(await tokenWith({}, sender));
      const token = await tokenWith({ allowed_modes: [] }, sender);
      expect(await client.verdict(token)).toBe("OK");
      expect(await client.call("CancelSession", token, { session_id: id })).toMatchObject({
        status: "OK",
        message: { ack: { ok: true } },
      });
    });
  });

  describe("max_open_sessions", () => {
    test.each([{}, { max_open_sessions: null }, { max_open_sessions: Number.MAX_SAFE_INTEGER }])(
      "%j is no limit",
      async (scopes) => {
        const token = await tokenWith(scopes);
        for (let count = 0; count < 5; count += 1) expect(await start(token)).toMatchObject({ said: "ok" });
      },
    );

    test("0 is none", async () => {
      expect(await start(await tokenWith({ max_open_sessions: 0 }))).toMatchObject({ said: "RATE_LIMITED" });
    });

    test("1 is one at a time, counted by sender and not by token", async () => {
      const sender = newSender();
      const scopes = { max_open_sessions: 1 };
      const token = await tokenWith(scopes, sender);
      const { id, said } = await start(token);
      expect(said).toBe("ok");
      expect(await start(token)).toMatchObject({ said: "RATE_LIMITED" });
      expect(await start(await tokenWith(scopes, sender))).toMatchObject({ said: "RATE_LIMITED" });
      expect(await start(await tokenWith(scopes))).toMatchObject({ said: "ok" });
      await client.call("CancelSession", token, { session_id: id });
      expect(await start(token)).toMatchObject({ said: "ok" });
    });
  });

  describe("is_observer", () => {
    async function reads(scopes: object): Promise<string> {
      const { id } = await start(await tokenWith({}));
      return (await client.call("GetSession", await tokenWith(scopes), { session_id: id })).status;
    }

    test.each([{}, { is_observer: false }, { is_observer: null }])(
      "%j may not read a session of others",
      async (scopes) => {
        expect(await reads(scopes)).toBe("PERMISSION_DENIED");
      },
    );

    test("true may, and may start sessions as before", async () => {
      expect(await reads({ is_observer: true })).toBe("OK");
      expect(await start(await tokenWith({ is_observer: true }))).toMatchObject({ said: "ok" });
    });

    test("a participant reads its session without it", async () => {
      const { id } = await start(await tokenWith({}));
      expect(
        await client.call("GetSession", await tokenWith({}, PARTICIPANT), { session_id: id }),
      ).toMatchObject({ status: "OK" });
    });

    test("is not asked for by ListSessions and WatchSessions, which show every session to every token", async () => {
      const { id } = await start(await tokenWith({}));
      const stranger = await tokenWith({ is_observer: false, allowed_modes: [] });
      const listed = await client.call<{ sessions: { session_id: string }[] }>("ListSessions", stranger);
      expect(listed.message?.sessions.map((session) => session.session_id)).toContain(id);
      const watch = client.watchSessions(stranger);
      await expect.poll(watch.ids).toContain(id);
    });
  });

  describe("can_manage_mode_registry", () => {
    const mode = "story.mode.v1";
    const descriptor = {
      mode,
      mode_version: "1.0.0",
      message_types: ["SessionStart", "Commitment"],
      terminal_message_types: ["Commitment"],
    };
    const policy = { policy_id: "policy.story", mode: "*", rules: "{}", schema_version: 1 };
    const calls: readonly (readonly [string, object])[] = [
      ["RegisterExtMode", { mode_descriptor: descriptor }],
      ["UnregisterExtMode", { mode }],
      ["PromoteMode", { mode: "no.such.mode" }],
      ["RegisterPolicy", { policy_descriptor: policy }],
      ["UnregisterPolicy", { policy_id: policy.policy_id }],
    ];

    test.each([{}, { can_manage_mode_registry: false }, { can_manage_mode_registry: null }])(
      "%j changes neither modes nor policies",
      async (scopes) => {
        const token = await tokenWith(scopes);
        for (const [method, request] of calls)
          expect({ method, ...(await client.call(method, token, request)) }).toMatchObject({
            method,
            status: "PERMISSION_DENIED",
          });
      },
    );

    test("true changes both", async () => {
      const token = await tokenWith({ can_manage_mode_registry: true });
      for (const [method, request] of calls) {
        const done = method !== "PromoteMode";
        expect({ method, ...(await client.call(method, token, request)) }).toMatchObject({
          method,
          status: "OK",
          message: { ok: done },
        });
      }
    });
  });

  describe("one field of a wrong type", () => {
    const WRONG = [
      '{"can_start_sessions":"true"}',
      '{"can_start_sessions":1}',
      '{"can_manage_mode_registry":"false"}',
      '{"is_observer":0}',
      '{"allowed_modes":"macp.mode.decision.v1"}',
      '{"allowed_modes":[1]}',
      '{"allowed_modes":[null]}',
      '{"allowed_modes":{}}',
      '{"max_open_sessions":"1"}',
      '{"max_open_sessions":-1}',
      '{"max_open_sessions":1.5}',
      '{"max_open_sessions":true}',
    ];

    test.each(WRONG)(
      "%s: the runtime rejects the whole token, and the service does not mint it",
      async (scopes) => {
        expect(await client.verdict(forge(key, { payload: claimsWithScopes(scopes) }))).toBe(
          "UNAUTHENTICATED",
        );
        await expect(pair.issuer.mint({ scopes: JSON.parse(scopes) as object })).rejects.toThrow(
          "no token: 400",
        );
      },
    );

    test.each([
      '{"max_open_sessions":1.0}',
      '{"max_open_sessions":18446744073709551616}',
      '"all"',
      "1",
      "true",
    ])("scopes of %s: the runtime rejects the whole token", async (scopes) => {
      expect(await client.verdict(forge(key, { payload: claimsWithScopes(scopes) }))).toBe("UNAUTHENTICATED");
    });

    test.each(["{}", "null", '{"another_field":"anything"}', '{"max_open_sessions":18446744073709551615}'])(
      "scopes of %s are well typed, and grant every default",
      async (scopes) => {
        const token = forge(key, { payload: claimsWithScopes(scopes) });
        expect(await start(token)).toMatchObject({ said: "ok" });
        expect(await signal(token)).toBe("ok");
      },
    );

    test("a list of scopes is read as the fields in their order", async () => {
      const token = forge(key, { payload: claimsWithScopes("[false]") });
      expect(await client.verdict(token)).toBe("OK");
      expect(await start(token)).toMatchObject({ said: "FORBIDDEN" });
    });
  });
});
