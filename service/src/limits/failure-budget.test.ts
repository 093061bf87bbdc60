import { beforeEach, describe, expect, test } from "vitest";
import type { CredentialName } from "../callers/credential-name.ts";
import { countingRandom } from "../testing/mint-deps.ts";
import { FailureBudget } from "./failure-budget.ts";
import { planOf } from "./limit-plan.ts";

const PLAN = planOf({
  mode: "enforce",
  address: undefined,
  caller: undefined,
  callers: new Map(),
  sender: undefined,
  global: undefined,
  oneCallerPercent: 50,
  failuresPerAddress: { count: 15, perSeconds: 300, burst: 15 },
  failuresPerCredential: 100,
  connectionsPerAddress: undefined,
});

const secret = (name: string): CredentialName => ({ kind: "secret", name, subject: undefined });
const certificate = (name: string, subject?: string): CredentialName => ({
  kind: "certificate",
  name,
  subject: subject === undefined ? undefined : () => subject,
});
const token = (name: string, subject: string): CredentialName => ({
  kind: "token",
  name,
  subject: () => subject,
});

describe("the budget of failed proofs (R36)", () => {
  let seconds: number;
  let budget: FailureBudget;
  beforeEach(() => {
    seconds = 1;
    budget = new FailureBudget({ random: countingRandom(), stopwatch: { elapsed: () => seconds } }, 1);
  });
  const isOpen = (address: string, credential?: CredentialName) =>
    budget.waitUs(PLAN, { address, credential }) === 0;
  /** How many guesses an address gets before it is stopped. */
  const guess = (address: string, credential: CredentialName, most = 1_000) => {
    let tries = 0;
    while (tries < most && isOpen(address, credential)) {
      budget.failed(PLAN, { address, credential });
      tries += 1;
    }
    return tries;
  };

  test("an address has as many failures as its budget, and then one more each time one comes back", () => {
    expect(guess("192.0.2.1", secret("a"))).toBe(15);
    expect(budget.waitUs(PLAN, { address: "192.0.2.1", credential: secret("b") })).toBe(20_000_000);
    seconds += 20;
    expect(guess("192.0.2.1", secret("b"))).toBe(1);
    expect(isOpen("192.0.2.2", secret("b"))).toBe(true);
  });

  test("a secret gets 100 guesses in all, from however many addresses", () => {
    let tries = 0;
    for (let host = 0; host < 5_000; host += 1) tries += guess(`198.51.100.${host}`, secret("a"));
    expect(tries).toBe(100);
  });

  test("an address on which the secret proved right stays open while others use up its budget", () => {
    budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
    for (let host = 0; host < 100; host += 1) guess(`198.51.100.${host}`, secret("a"));
    expect(isOpen("203.0.113.9", secret("a"))).toBe(false);
    expect(isOpen("192.0.2.1", secret("a"))).toBe(true);
  });

  test("an address on which the secret proved right stays open for it while its neighbours guess at others", () => {
    budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
    expect(guess("192.0.2.1", secret("b"))).toBe(15);
    expect(isOpen("192.0.2.1", secret("c"))).toBe(false);
    expect(isOpen("192.0.2.1", secret("a"))).toBe(true);
  });

  test("that address too gets 100 guesses at most, and other credentials lose nothing by them", () => {
    budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
    expect(guess("192.0.2.1", secret("a"))).toBe(100);
    expect(isOpen("192.0.2.1", secret("b"))).toBe(true);
    expect(isOpen("203.0.113.9", secret("a"))).toBe(true);
  });

  test("the work of a known address gives a guesser no new tries; a new address that proves right does", () => {
    budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
    let tries = 0;
    for (let host = 0; host < 1_000; host += 1) {
      tries += guess(`198.51.100.${host}`, secret("a"));
      budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
    }
    expect(tries).toBe(100);
    budget.succeeded({ address: "192.0.2.2", credential: secret("a") });
    expect(isOpen("203.0.113.9", secret("a"))).toBe(true);
  });

  test("a pair is known for a day after it last proved right, and forgotten after two", () => {
    budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
    seconds += 86_000;
    budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
    seconds += 86_000;
    guess("192.0.2.1", secret("b"));
    expect(isOpen("192.0.2.1", secret("a"))).toBe(true);
    seconds += 86_401;
    guess("192.0.2.1", secret("b"));
    expect(isOpen("192.0.2.1", secret("a"))).toBe(false);
  });

  test("nobody locks out whom a token speaks for: a new token of a known subject passes at its address", () => {
    const forged = token("forged", "issuer agent");
    budget.succeeded({ address: "192.0.2.1", credential: token("first", "issuer agent") });
    expect(guess("192.0.2.1", token("x", "issuer other"))).toBe(15);
    for (let host = 0; host < 100; host += 1) guess(`198.51.100.${host}`, forged);
    expect(isOpen("192.0.2.1", token("second", "issuer agent"))).toBe(true);
    expect(isOpen("203.0.113.9", token("third", "issuer agent"))).toBe(true);
  });

  test("with several replicas each gives its part of the guesses", () => {
    budget = new FailureBudget({ random: countingRandom(), stopwatch: { elapsed: () => seconds } }, 4);
    let tries = 0;
    for (let host = 0; host < 100; host += 1) tries += guess(`198.51.100.${host}`, secret("a"));
    expect(tries).toBe(25);
  });

  test("a certificate gets 100 tries in all, and those of its address, which others have left", () => {
    expect(guess("192.0.2.1", certificate("a"))).toBe(15);
    let tries = 15;
    for (let host = 0; host < 100; host += 1) tries += guess(`198.51.100.${host}`, certificate("a"));
    expect(tries).toBe(100);
    expect(isOpen("203.0.113.9", certificate("b"))).toBe(true);
  });

  test("an address on which a certificate proved right stays open for it and its successor, whatever its neighbours present", () => {
    budget.succeeded({ address: "192.0.2.1", credential: certificate("a", "planner") });
    expect(guess("192.0.2.1", certificate("forged"))).toBe(15);
    expect(isOpen("192.0.2.1", certificate("a", "planner"))).toBe(true);
    expect(isOpen("192.0.2.1", certificate("renewed", "planner"))).toBe(true);
    expect(isOpen("192.0.2.1", certificate("other", "other"))).toBe(false);
  });

  test("a certificate that proved right once has its budget of failures too, and none of its neighbours pays for it", () => {
    budget.succeeded({ address: "192.0.2.1", credential: certificate("a", "planner") });
    expect(guess("192.0.2.1", certificate("a", "planner"))).toBe(100);
    expect(isOpen("192.0.2.1", certificate("b", "planner"))).toBe(true);
    expect(isOpen("192.0.2.1", certificate("c"))).toBe(true);
  });

  describe("at a replica that has not accepted the caller itself, and knows from another one that it may", () => {
    let noted: string[];
    let known: Set<string>;
    beforeEach(() => {
      noted = [];
      known = new Set(["192.0.2.1 a", "192.0.2.2 a", "192.0.2.1 planner"]);
      const shared = {
        isKnown: (pair: string) => known.has(pair),
        note: (pair: string) => {
          noted.push(pair);
          known.add(pair);
        },
      };
      budget = new FailureBudget(
        { random: countingRandom(), stopwatch: { elapsed: () => seconds } },
        1,
        shared,
      );
    });
    const exhaust = () => {
      for (let host = 0; host < 100; host += 1) guess(`198.51.100.${host}`, secret("a"));
    };

    test("its address stays open while others use up the budget of its secret", () => {
      exhaust();
      expect(isOpen("203.0.113.9", secret("a"))).toBe(false);
      expect(isOpen("192.0.2.1", secret("a"))).toBe(true);
    });

    test.each([
      ["secret", secret("a")],
      ["token", token("new", "planner")],
      ["certificate", certificate("new", "planner")],
    ])("its address stays open for its %s while its neighbours guess at others", (_, credential) => {
      expect(guess("192.0.2.1", secret("b"))).toBe(15);
      expect(isOpen("192.0.2.1", secret("c"))).toBe(false);
      expect(isOpen("192.0.2.1", credential)).toBe(true);
    });

    test("its work here gives a guesser no new tries", () => {
      exhaust();
      budget.succeeded({ address: "192.0.2.1", credential: secret("a") });
      expect(isOpen("203.0.113.9", secret("a"))).toBe(false);
      expect(isOpen("192.0.2.1", secret("a"))).toBe(true);
    });

    test("a store that names every address gives a guesser twice the tries, and no more", () => {
      for (let host = 0; host < 5_000; host += 1) known.add(`198.51.100.${host} a`);
      let tries = 0;
      for (let host = 0; host < 5_000; host += 1) tries += guess(`198.51.100.${host}`, secret("a"));
      expect(tries).toBe(100);
      for (let host = 0; host < 100; host += 1) tries += guess(`203.0.113.${host}`, secret("a"));
      expect(tries).toBe(200);
    });

    test("what proves right is noted once a day while it is used, a token and a certificate by whom they speak for", () => {
      const use = () => {
        budget.succeeded({ address: "192.0.2.9", credential: secret("a") });
        budget.succeeded({ address: "192.0.2.9", credential: token(`at ${seconds}`, "issuer agent") });
        budget.succeeded({ address: "192.0.2.9", credential: certificate("b", "certificate planner") });
      };
      const all = ["192.0.2.9 a", "192.0.2.9 issuer agent", "192.0.2.9 certificate planner"];
      use();
      expect(noted).toEqual(all);
      seconds += 80_000;
      use();
      expect(noted).toEqual(all);
      seconds += 10_000;
      use();
      expect(noted).toEqual([...all, ...all]);
    });
  });
});
