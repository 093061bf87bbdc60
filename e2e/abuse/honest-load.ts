import { Agent, request } from "node:http";
import { request as requestSecurely, Agent as SecureAgent } from "node:https";
import { outcomeOf } from "../support/outcome-of.ts";

const ANSWER_MS_MAX = 10_000;
const TICK_MS = 5;
/** An address that no attacker uses. */
const HONEST_ADDRESS = "127.0.0.2";
const BODY = '{"sender":"agent://honest","ttl_seconds":300}';

/** Milliseconds from a request to its answer. */
export interface Latency {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
}

/** What honest clients saw. */
export interface Experience {
  readonly mint: Latency;
  readonly jwks: Latency;
  /** Why requests failed, each with how often. */
  readonly failures: Readonly<Record<string, number>>;
}

export interface HonestLoad {
  /** What was seen since the start or the last call. */
  takeExperience(): Experience;
  stop(): Promise<void>;
}

/** How many requests a second, whether earlier ones were answered or not. */
export interface Rates {
  /** Over kept-alive connections. */
  readonly mints: number;
  /** In turn over a kept-alive connection, and over a new one as a verifier opens it. */
  readonly jwks: number;
}

interface Target {
  readonly port: number;
  readonly overTls: boolean;
}

/** Honest clients: they mint and fetch the JWKS at these rates, and try nothing twice. */
export function honestLoad(target: Target, rates: Rates): HonestLoad {
  const options = { keepAlive: true, maxSockets: 16, scheduling: "lifo" } as const;
  const agent = target.overTls ? new SecureAgent(options) : new Agent(options);
  const pending = new Set<Promise<void>>();
  let seen = nothingSeen();
  const note = async (kind: "mints" | "jwks", answer: () => Promise<string>): Promise<void> => {
    const begun = performance.now();
    const outcome = await answer();
    if (outcome === "200") seen[kind].push(performance.now() - begun);
    else seen.failures[`${kind}: ${outcome}`] = (seen.failures[`${kind}: ${outcome}`] ?? 0) + 1;
  };
  const start = (kind: "mints" | "jwks", answer: () => Promise<string>): void => {
    const one = note(kind, answer).finally(() => pending.delete(one));
    pending.add(one);
  };
  const mint = () => ask(target, agent, "/tokens", BODY, '"token":"');
  const fetchJwks = (index: number) => () =>
    ask(target, index % 2 === 0 ? agent : false, "/.well-known/jwks.json", undefined, '"keys":[');
  const begun = performance.now();
  const sent = { mints: 0, jwks: 0 };
  const timer = setInterval(() => {
    const seconds = (performance.now() - begun) / 1_000;
    for (; sent.mints < seconds * rates.mints; sent.mints += 1) start("mints", mint);
    for (; sent.jwks < seconds * rates.jwks; sent.jwks += 1) start("jwks", fetchJwks(sent.jwks));
  }, TICK_MS);
  return {
    takeExperience() {
      const { mints, jwks, failures } = seen;
      seen = nothingSeen();
      return { mint: latencyOf(mints), jwks: latencyOf(jwks), failures };
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
    },
  };
}

/** Mints so many tokens as fast as they are given, on the connections of 16 clients. */
export async function mintMany(target: Target, count: number): Promise<void> {
  const options = { keepAlive: true, maxSockets: WORKERS };
  const agent = target.overTls ? new SecureAgent(options) : new Agent(options);
  let left = count;
  const work = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ask(target, agent, "/tokens", BODY, '"token":"');
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  agent.destroy();
}

const WORKERS = 16;

function nothingSeen(): { mints: number[]; jwks: number[]; failures: Record<string, number> } {
  return { mints: [], jwks: [], failures: {} };
}

function latencyOf(times: number[]): Latency {
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor((times.length - 1) * share)] ?? 0;
  return { count: times.length, p50: at(0.5), p99: at(0.99) };
}

/** `200`, or why not. */
function ask(
  { port, overTls }: Target,
  agent: Agent | false,
  path: string,
  body: string | undefined,
  sign: string,
): Promise<string> {
  const send = overTls ? requestSecurely : request;
  const out = send({
    agent,
    port,
    path,
    host: "127.0.0.1",
    localAddress: HONEST_ADDRESS,
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "content-type": "application/json", "content-length": body.length },
    ...(overTls && { rejectUnauthorized: false }),
  });
  return outcomeOf(out, { body, sign, msMax: ANSWER_MS_MAX });
}
