import { Agent as PlainAgent, request as requestPlainly } from "node:http";
import { Agent, request } from "node:https";
import { outcomeOf } from "../support/outcome-of.ts";
import type { TlsIdentity } from "../support/tls-client.ts";

/** As long as the callers of the MACP project wait for an answer. */
export const ANSWER_MS_MAX = 5_000;
const TICK_MS = 10;

/** What clients of one kind saw. */
export interface Seen {
  /** How often each outcome came: `200`, another status and its text, or the code of a connection's fault. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly requests: number;
  /** Milliseconds from the moment when a request was due to its answer. */
  readonly ms: { readonly p50: number; readonly p99: number; readonly longest: number };
}

/** One request, to the end of its answer. */
export type Ask = () => Promise<string>;

export interface Clients {
  /** Asks no more, waits for the answers, and returns what was seen. */
  stop(): Promise<Seen>;
}

/** Asks `perSecond` times a second, each in its turn, whether earlier ones were answered or not, and nothing twice. */
export function askSteadily(clients: readonly Ask[], perSecond: number): Clients {
  const outcomes: Record<string, number> = {};
  const times: number[] = [];
  const pending = new Set<Promise<void>>();
  const start = performance.now();
  let sent = 0;
  const once = async (ask: Ask, dueMs: number): Promise<void> => {
    const outcome = await ask();
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    times.push(performance.now() - dueMs);
  };
  const timer = setInterval(() => {
    for (const due = ((performance.now() - start) / 1_000) * perSecond; sent < due; sent += 1) {
      const client = clients[sent % clients.length];
      if (client === undefined) return;
      const one = once(client, performance.now()).finally(() => pending.delete(one));
      pending.add(one);
    }
  }, TICK_MS);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      times.sort((a, b) => a - b);
      const at = (share: number): number => Math.round(times[Math.floor((times.length - 1) * share)] ?? 0);
      return { outcomes, requests: times.length, ms: { p50: at(0.5), p99: at(0.99), longest: at(1) } };
    },
  };
}

/** A caller of `POST /tokens`. */
export interface Mints {
  readonly port: number;
  /** From where it connects. */
  readonly localAddress: string;
  readonly identity: TlsIdentity;
  readonly sender: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether each mint has a connection of its own; else all have one. */
  readonly isFresh?: boolean;
}

/** Its mints, one request each. */
export function mints({ port, localAddress, identity, sender, headers = {}, isFresh }: Mints): Ask {
  const agent = new Agent({ ...identity, keepAlive: isFresh !== true, servername: "localhost" });
  const body = JSON.stringify({ sender });
  return () =>
    sent((options) => request({ ...options, agent }), {
      ...{ host: "127.0.0.1", port, localAddress, path: "/tokens", method: "POST" },
      headers: {
        "content-type": "application/json",
        "content-length": String(body.length),
        ...headers,
      },
      ...{ body, sign: '"token":"' },
    });
}

/** Fetches of the key set over plain HTTP, each on a connection of its own, as the runtime makes them. */
export function fetches(port: number, localAddress: string): Ask {
  const agent = new PlainAgent();
  return () =>
    sent((options) => requestPlainly({ ...options, agent }), {
      ...{ host: "127.0.0.1", port, localAddress, path: "/.well-known/jwks.json", method: "GET" },
      ...{ headers: {}, body: "", sign: '"kid":"' },
    });
}

interface Sent {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What a right answer has. */
  readonly sign: string;
}

function sent(
  send: (options: Omit<Sent, "body" | "sign">) => ReturnType<typeof request>,
  { body, sign, ...options }: Sent,
): Promise<string> {
  return outcomeOf(send(options), { body, sign, msMax: ANSWER_MS_MAX });
}
