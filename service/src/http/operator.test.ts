import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "vitest";
import type { CallerEntry } from "../callers/declared/registry.ts";
import { hashSecret } from "../callers/secrets/secret-hash.ts";
import { generateSecret } from "../callers/secrets/secret-text.ts";
import { systemRandom } from "../kernel/random.ts";
import { Secret } from "../kernel/secret.ts";
import { authenticateDeps, callerEntry, OWN_ISSUER } from "../testing/callers.ts";
import { TestClock } from "../testing/moments.ts";
import { operatorsWith } from "../testing/operators.ts";
import { operatorProofs } from "../wiring/access/operators.ts";
import { ADMIN_ROUTES } from "./admin-server.ts";
import { type Operator, proveOperator, SECURITY } from "./operator.ts";
import { PUBLIC_ROUTES } from "./public-server.ts";

const THIS_MACHINE = operatorsWith(undefined);
const TOKEN = operatorsWith(new Secret("s3cret"));

async function provedBy(
  operators: typeof TOKEN,
  headers: IncomingMessage["headers"],
  remoteAddress: string | undefined = "127.0.0.1",
): Promise<string> {
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
  const outcome = await proveOperator(operators(), SECURITY, {
    rawHeaders,
    headers,
    socket: { remoteAddress },
  });
  return outcome.kind === "operator" ? outcome.operator.proof : outcome.problem.reason;
}

test.each(["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])(
  "without a token a program of this machine, from %s, is an operator",
  async (remote) => {
    for (const host of ["localhost:3201", "LOCALHOST", "127.0.0.1:3201", "127.1.2.3", "[::1]:3201", "[::1]"])
      expect(await provedBy(THIS_MACHINE, { host }, remote), host).toBe("this_machine");
  },
);

test.each(["10.0.0.7", "::ffff:10.0.0.7", "fe80::1%eth0", "::", "0.0.0.0", "", undefined])(
  "without a token nobody from %s is an operator, whatever the listener is bound to",
  async (remote) => {
    expect(await provedBy(THIS_MACHINE, { host: "localhost" }, remote ?? "")).toBe("not_this_machine");
  },
);

test.each([
  "evil.example",
  "evil.example:3201",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "127.1.evil.example",
  "127.1",
  "0x7f.1",
  "2130706433",
  "localhost@evil.example",
  "evil.example@localhost",
  "localhost:3201:80",
  "localhost:x",
  "::1",
  "[::1]evil.example",
  "[::1",
  "[fe80::1%lo]",
  "0.0.0.0",
  "[::]",
  "a.localhost",
  "",
])("without a token a request to the host %j is not from an operator", async (host) => {
  expect(await provedBy(THIS_MACHINE, { host })).toBe("not_this_machine");
});

test("without a token what a browser sends is not from an operator", async () => {
  const host = "localhost";
  expect(await provedBy(THIS_MACHINE, { host, origin: "null" })).toBe("not_this_machine");
  expect(await provedBy(THIS_MACHINE, { host, "sec-fetch-site": "same-origin" })).toBe("not_this_machine");
  expect(await provedBy(THIS_MACHINE, { host, "sec-fetch-site": "none" })).toBe("this_machine");
});

test.each(["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"])(
  "without a token what a proxy on this machine passes on is not from an operator, as %s shows",
  async (header) => {
    expect(await provedBy(THIS_MACHINE, { host: "127.0.0.1:3201", [header]: "x" })).toBe("not_this_machine");
    expect(await provedBy(THIS_MACHINE, { host: "127.0.0.1:3201", [header]: "" })).toBe("not_this_machine");
  },
);

test("with a token the token decides, wherever the request comes from", async () => {
  const authorization = "Bearer s3cret";
  expect(await provedBy(TOKEN, { authorization, host: "evil.example" }, "10.0.0.7")).toBe("admin_token");
  expect(await provedBy(TOKEN, { host: "localhost" })).toBe("unauthorised");
});

test("a handler of the admin listener is not called without the evidence, which nothing else makes", () => {
  const call = (handle: (typeof ADMIN_ROUTES)[number]["handle"], deps: never, exchange: never) => {
    // @ts-expect-error: without an operator
    void handle(deps, exchange);
    // @ts-expect-error: with one that was not proved
    const made: Operator = { id: "admin-token", role: "security", proof: "admin_token" };
    return made;
  };
  expect(call).toBeTypeOf("function");
});

test("each operation is for these roles, and a route without roles does not compile", () => {
  const table = Object.fromEntries(
    ADMIN_ROUTES.map(({ method, path, roles }) => [`${method} ${path}`, roles.join(" ")]),
  );
  const [all, change, security] = ["viewer operator security", "operator security", "security"];
  expect(table).toEqual({
    "GET /readyz": all,
    "GET /metrics": all,
    "GET /ledger/entries": all,
    "GET /ledger/live": all,
    "GET /ledger/lineage/{jti}": all,
    "GET /ledger/tokens": all,
    "GET /ledger/counts": all,
    "GET /access": all,
    "GET /issuers": all,
    "POST /issuers/{name}/forget": change,
    "GET /keys": all,
    "POST /keys/prepare": change,
    "POST /keys/rotate": change,
    "POST /keys/activate": change,
    "POST /keys/retire": change,
    "POST /keys/reseal": change,
    "POST /keys/taint": security,
    "POST /keys/revoke": security,
    "GET /revocations": all,
    "POST /revocations": change,
    "POST /revocations/preview": change,
    "POST /revocations/{epoch}/undo": change,
    "GET /events": all,
    "GET /events/dead": all,
    "POST /events/replay": change,
    "POST /events/test": change,
  });
  // @ts-expect-error: a route with an empty list of roles
  const none: (typeof ADMIN_ROUTES)[number]["roles"] = [];
  expect(none).toEqual([]);
});

describe("a caller with a role", () => {
  const secret = generateSecret(systemRandom());
  const operatorsOf = (token: Secret | undefined, members: Partial<CallerEntry>) => {
    const ops = callerEntry("ops", { secrets: [hashSecret(systemRandom(), secret)], ...members });
    const deps = authenticateDeps({ callers: [ops] });
    return operatorProofs(
      { token, ownIssuer: OWN_ISSUER, clock: new TestClock(), random: systemRandom() },
      { view: () => ({ mode: "enforce", limits: undefined, policy: undefined, proofs: deps }) },
    );
  };
  const right = { authorization: `Bearer ${secret.reveal()}`, host: "localhost" };

  test("proves itself beside the token, and beside this machine", async () => {
    for (const token of [undefined, new Secret("s3cret")])
      expect(await provedBy(operatorsOf(token, { role: "security" }), right)).toBe("shared_secret");
  });

  test("may do nothing without a role, with too low a one, or while it is disabled", async () => {
    const rejected = async (members: Partial<CallerEntry>) =>
      provedBy(operatorsOf(undefined, members), right);
    expect(await rejected({})).toBe("role_insufficient");
    expect(await rejected({ role: "operator" })).toBe("role_insufficient");
    expect(await rejected({ role: "security", isDisabled: true })).toBe("unauthorised");
  });

  test("makes a wrong credential a 401 even from this machine, which stays an operator without one", async () => {
    const operators = operatorsOf(undefined, { role: "viewer" });
    expect(await provedBy(operators, { authorization: "Bearer wrong", host: "localhost" })).toBe(
      "unauthorised",
    );
    expect(await provedBy(operators, { host: "localhost" })).toBe("this_machine");
  });
});

test("where nobody has a credential, none is looked at", async () => {
  expect(await provedBy(THIS_MACHINE, { authorization: "Bearer any", host: "localhost" })).toBe(
    "this_machine",
  );
});

test("every route of the admin listener is for operators, and none of the public one", () => {
  expect(ADMIN_ROUTES.map(({ access }) => access)).toEqual(ADMIN_ROUTES.map(() => "operator"));
  expect(PUBLIC_ROUTES.map(({ access }) => access)).not.toContain("operator");
});
