import { deflateSync, gzipSync } from "node:zlib";
import { RawConnection } from "./raw-http.ts";

const SOCKETS = 64;
const BATCH_REQUESTS_MAX = 12;

/** A request as bytes, and whether the connection can be used again after its answer. */
export interface FloodRequest {
  readonly bytes: Buffer;
  readonly bodiless: boolean;
  readonly last: boolean;
}

export interface FloodTally {
  answered: number;
  readonly byStatus: Map<number, number>;
  /** Requests whose answer was a 5xx, for the report of a failure. */
  readonly faults: string[];
}

/** A number from 0 up to 1, the same sequence for the same seed (mulberry32). */
export type Chance = () => number;

export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/**
 * Sends generated requests, pipelined over many connections, until `count` answers have come back.
 * A connection that the service closes is replaced; what it left unanswered is not counted.
 */
export async function flood(port: number, count: number, chance: Chance): Promise<FloodTally> {
  const tally: FloodTally = { answered: 0, byStatus: new Map(), faults: [] };
  await Promise.all(
    Array.from({ length: SOCKETS }, async () => {
      while (tally.answered < count) await floodOneConnection(port, count, chance, tally);
    }),
  );
  return tally;
}

async function floodOneConnection(
  port: number,
  count: number,
  chance: Chance,
  tally: FloodTally,
): Promise<void> {
  const connection = await RawConnection.open(port);
  try {
    while (tally.answered < count && !connection.ended) {
      const batch = requestBatch(chance);
      connection.send(Buffer.concat(batch.map((request) => request.bytes)));
      for (const request of batch) {
        const answer = await connection.response({ bodiless: request.bodiless, msMax: 20_000 });
        if (answer === undefined) return;
        tally.answered += 1;
        tally.byStatus.set(answer.status, (tally.byStatus.get(answer.status) ?? 0) + 1);
        if (answer.status >= 500)
          tally.faults.push(`${String(answer.status)} to ${request.bytes.toString("latin1").slice(0, 300)}`);
        if (answer.headers.get("connection") === "close") return;
      }
      if (batch.at(-1)?.last === true) return;
    }
  } finally {
    connection.destroy();
  }
}

function requestBatch(chance: Chance): FloodRequest[] {
  const batch: FloodRequest[] = [];
  const size = 1 + Math.floor(chance() * BATCH_REQUESTS_MAX);
  while (batch.length < size && batch.at(-1)?.last !== true) batch.push(floodRequest(chance));
  return batch;
}

/** One request: usually one that is rejected, sometimes a mint, sometimes not even HTTP. */
function floodRequest(chance: Chance): FloodRequest {
  const kind = chance();
  if (kind < 0.02) return malformed(chance);
  const method =
    kind < 0.7 ? "POST" : pick(chance, ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "PROPFIND"]);
  const target = kind < 0.6 ? "/tokens" : pick(chance, TARGETS)(chance);
  const { type, coding, body } = floodBody(chance);
  const fields = [
    "Host: x",
    ...(type === "" ? [] : [`Content-Type: ${type}`]),
    ...(coding === "" ? [] : [`Content-Encoding: ${coding}`]),
    ...(chance() < 0.1 ? [`X-${text(chance, 8)}: ${text(chance, 40)}`] : []),
    ...(chance() < 0.05 ? [`If-None-Match: ${pick(chance, ["*", '"x"', "nonsense", 'W/"y", "z"'])}`] : []),
    ...(chance() < 0.05 ? [`Authorization: Bearer ${text(chance, 60)}`] : []),
  ];
  const head = `${method} ${target} HTTP/1.1\r\n${fields.join("\r\n")}\r\n`;
  return { bytes: framed(chance, head, body), bodiless: method === "HEAD", last: false };
}

const TARGETS: ReadonlyArray<(chance: Chance) => string> = [
  () => "/healthz",
  () => "/.well-known/jwks.json",
  () => "/TOKENS/?x=1",
  () => "//tokens",
  (chance) => `/${text(chance, 30)}`,
  (chance) => `/tokens/${text(chance, 10)}?${text(chance, 20)}`,
  (chance) => `/%${Math.floor(chance() * 256).toString(16)}%00%`,
  (chance) => `http://${text(chance, 10)}/${text(chance, 10)}`,
  () => "*",
];

interface FloodBody {
  readonly type: string;
  readonly coding: string;
  readonly body: Buffer;
}

function floodBody(chance: Chance): FloodBody {
  const type =
    chance() < 0.85
      ? "application/json"
      : pick(chance, [
          "",
          "text/plain",
          "application/json; charset=utf-16",
          "application/json;;",
          text(chance, 20),
        ]);
  const shape = chance();
  const plain =
    shape < 0.8 ? Buffer.from(floodJson(chance)) : shape < 0.9 ? bytes(chance, 200) : Buffer.alloc(0);
  const coding = chance();
  if (coding < 0.03) return { type, coding: "gzip", body: gzipSync(plain, { level: 1 }) };
  if (coding < 0.05) return { type, coding: "deflate", body: deflateSync(plain, { level: 1 }) };
  if (coding < 0.07) return { type, coding: pick(chance, ["gzip", "deflate", "br", "nope"]), body: plain };
  return { type, coding: "", body: plain };
}

function floodJson(chance: Chance): string {
  const kind = chance();
  if (kind < 0.04)
    return JSON.stringify({ sender: text(chance, 20), scopes: { [text(chance, 6)]: text(chance, 6) } });
  if (kind < 0.2)
    return pick(chance, [
      "{",
      "null",
      "[]",
      "{}",
      '"x"',
      "1e400",
      '{"sender":',
      '{"sender":"\\ud800"}',
      '{"__proto__":{"sender":"a"}}',
    ]);
  if (kind < 0.25) return "[".repeat(Math.floor(chance() * 3_000));
  const sender = pick(chance, [
    () => " ",
    () => "",
    () => 42,
    () => null,
    () => ({}),
    () => text(chance, 12),
  ])();
  const scopes = pick(chance, [
    () => "x",
    () => [],
    () => null,
    () => ({ is_observer: text(chance, 3) }),
    () => ({ max_open_sessions: -chance() }),
    () => ({ allowed_modes: chance() }),
  ])();
  return JSON.stringify({ sender, scopes, ttl_seconds: -chance(), [text(chance, 5)]: text(chance, 50) });
}

function framed(chance: Chance, head: string, body: Buffer): Buffer {
  if (chance() < 0.9)
    return Buffer.concat([
      Buffer.from(`${head}Content-Length: ${String(body.length)}\r\n\r\n`, "latin1"),
      body,
    ]);
  const chunk =
    body.length === 0
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from("\r\n")]);
  return Buffer.concat([
    Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`, "latin1"),
    chunk,
    Buffer.from("0\r\n\r\n"),
  ]);
}

function malformed(chance: Chance): FloodRequest {
  const bytesOfIt = pick(chance, [
    () => `${text(chance, 20)}\r\n\r\n`,
    () => `GET / HTTP/${text(chance, 3)}\r\n\r\n`,
    () => "GET /healthz HTTP/1.1\r\n\r\n",
    () => "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    () => "POST /tokens HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    () => `GET /healthz HTTP/1.1\r\nHost: x\r\nX: ${"p".repeat(17_000)}\r\n\r\n`,
    () =>
      "POST /tokens HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n",
  ])();
  return { bytes: Buffer.from(bytesOfIt, "latin1"), bodiless: false, last: true };
}

function pick<Choice>(chance: Chance, choices: readonly Choice[]): Choice {
  const choice = choices[Math.floor(chance() * choices.length)];
  if (choice === undefined) throw new Error("there is nothing to choose from");
  return choice;
}

const CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";

/** One to `length` characters that may stand anywhere in a request. */
function text(chance: Chance, length: number): string {
  return Array.from(
    { length: 1 + Math.floor(chance() * length) },
    () => CHARACTERS[Math.floor(chance() * CHARACTERS.length)],
  ).join("");
}

function bytes(chance: Chance, length: number): Buffer {
  return Buffer.from(Array.from({ length: Math.floor(chance() * length) }, () => Math.floor(chance() * 256)));
}
