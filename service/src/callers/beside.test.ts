import { describe, expect, test } from "vitest";
import { callerId } from "../testing/callers.ts";
import { anyone } from "./anyone.ts";
import { contradictionBeside } from "./beside.ts";
import { provedCaller } from "./caller.ts";

const NOTHING = { clientId: undefined, hasClientSecret: false, hasClientAssertion: false };
const ci = provedCaller({
  kind: "declared",
  id: callerId("ci"),
  proof: "shared_secret",
  claims: {},
  role: undefined,
});

describe("beside the proof of a caller, a body", () => {
  test.each([
    ["names nobody", NOTHING],
    ["names the same caller", { ...NOTHING, clientId: "ci" }],
  ])("may be one that %s", (_name, named) => {
    expect(contradictionBeside(ci, named)).toBeUndefined();
  });

  test.each([
    ["names another caller", { ...NOTHING, clientId: "cd" }, "other_client_named"],
    ["names what is no caller", { ...NOTHING, clientId: null }, "other_client_named"],
    ["holds a client secret", { ...NOTHING, clientId: "ci", hasClientSecret: true }, "credentials_several"],
    ["holds a client assertion", { ...NOTHING, hasClientAssertion: true }, "credentials_several"],
  ])("is rejected when it %s", (_name, named, reason) => {
    expect(contradictionBeside(ci, named)).toEqual({ kind: "rejected", reason, callerId: "ci" });
  });

  test("may hold anything where no proof is asked for, as before", () => {
    const named = { clientId: "ci", hasClientSecret: true, hasClientAssertion: true };
    expect(contradictionBeside(anyone(), named)).toBeUndefined();
  });
});
