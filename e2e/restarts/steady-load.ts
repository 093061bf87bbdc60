import { Agent, request } from "node:http";
import { outcomeOf } from "../support/outcome-of.ts";

const ANSWER_MS_MAX = 10_000;
const TICK_MS = 5;
const BODY = '{"sender":"agent://steady"}';

/** What callers saw. */
export interface Seen {
  /** How often each outcome came: `200`, another status, or the code of a connection's fault. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Milliseconds from a request to its answer: the median, the 99th percentile and the longest. */
  readonly ms: { readonly median: number; readonly p99: number; readonly longest: number };
  readonly requests: number;
}

export interface Load {
  /** Stops sending, waits for the answers, and returns the counts. */
  stop(): Promise<Seen>;
}

/**
 * Mints `perSecond` tokens a second on the kept-alive connections of one agent, whether earlier ones were answered or not.
 * Nothing is sent twice: what a caller without a retry would see.
 */
export function steadyLoad(port: number, perSecond: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const outcomes: Record<string, number> = {};
  const times: number[] = [];
  const pending = new Set<Promise<void>>();
  const start = performance.now();
  let sent = 0;
  const mint = async (): Promise<void> => {
    const begun = performance.now();
    const outcome = await post(agent, port);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    times.push(performance.now() - begun);
  };
  const timer = setInterval(() => {
    for (const due = ((performance.now() - start) / 1_000) * perSecond; sent < due; sent += 1) {
      const one = mint().finally(() => pending.delete(one));
      pending.add(one);
    }
  }, TICK_MS);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      agent.destroy();
      times.sort((a, b) => a - b);
      const at = (share: number) =>
        Math.round((times[Math.floor((times.length - 1) * share)] ?? 0) * 10) / 10;
      return { outcomes, requests: times.length, ms: { median: at(0.5), p99: at(0.99), longest: at(1) } };
    },
  };
}

/** One mint: its status when a token came, else why not. */
function post(agent: Agent, port: number): Promise<string> {
  const out = request({
    agent,
    port,
    host: "127.0.0.1",
    method: "POST",
    path: "/tokens",
    headers: { "content-type": "application/json", "content-length": BODY.length },
  });
  return outcomeOf(out, { body: BODY, sign: '"token":"', msMax: ANSWER_MS_MAX });
}
