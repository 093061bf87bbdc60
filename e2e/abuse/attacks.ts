import { own, slowhttptest } from "./start-attack.ts";

const EACH_SECOND = ["-i", "1"];
const ONE_A_SECOND = ["-c", "1000", "-r", "250", ...EACH_SECOND];
/** For the short form, where several attacks run beside each other. */
const FEW = ["-c", "200", "-r", "100", ...EACH_SECOND];
const AS_BODY = ["-f", "application/json"];
const JWKS = "/.well-known/jwks.json";
const SLOW_READING = ["-w", "1", "-y", "16", "-n", "1", "-z", "5", "-k", "10"];

/** Without a limit by address, so by the service itself. */
export const SLOW_HEADERS = slowhttptest("slow headers", ["-H", ...ONE_A_SECOND], "/tokens", 8);

export const FEW_SLOW_HEADERS = slowhttptest("200 slow headers", ["-H", ...FEW], "/tokens", 8);
export const FEW_SLOW_BODIES = slowhttptest("200 slow bodies", ["-B", ...FEW, ...AS_BODY], "/tokens", 13);

export const SILENT = own("silent", {
  name: "5,000 silent connections of 100 addresses",
  connections: 5_000,
  addresses: 100,
  reopenMs: 2_000,
  seconds: 8,
});

export const KEPT = own("silent after one answer", {
  name: "1,000 connections of one address, kept after one answer",
  connections: 1_000,
  seconds: 8,
});

export const LARGE_BODIES = own("10 MB body", { name: "10 MB bodies", connections: 50, seconds: 5 });

export const ONE_BYTE_CHUNKS = own("one-byte chunks", {
  name: "bodies in chunks of one byte",
  connections: 20,
  seconds: 5,
});

export const THOUSANDS_AT_ONCE = own("thousands at once", {
  name: "300 connections with thousands of requests at once",
  connections: 300,
  seconds: 5,
});

/** Those that only the TLS listener knows. */
const HANDSHAKES = [
  own("silent after the handshake", {
    name: "1,000 connections of one address, silent after the handshake",
    connections: 1_000,
    listeners: ["TLS"],
    seconds: 8,
  }),
  own("slow handshake", {
    name: "1,000 handshakes byte by byte, of 100 addresses",
    connections: 1_000,
    addresses: 100,
    listeners: ["TLS"],
    seconds: 8,
  }),
  own("handshakes without a request", {
    name: "200 handshakes a second without a request",
    connections: 20,
    reopenMs: 100,
    listeners: ["TLS"],
    seconds: 5,
  }),
  own("renegotiation", {
    name: "renegotiation without end",
    connections: 50,
    listeners: ["TLS"],
    seconds: 5,
  }),
];

/** Every attack: the four of slowhttptest, and those that it does not have. */
export const ATTACKS = [
  SLOW_HEADERS,
  slowhttptest("slow bodies", ["-B", ...ONE_A_SECOND, ...AS_BODY], "/tokens", 13),
  slowhttptest("slow reading", ["-X", "-c", "1000", "-r", "250", ...SLOW_READING], JWKS, 8),
  slowhttptest("ranges", ["-R", "-c", "1000", "-r", "250", "-a", "1", "-b", "3000"], JWKS, 6),
  SILENT,
  KEPT,
  LARGE_BODIES,
  own("10 MB chunked body", { name: "10 MB bodies without a length", connections: 50, seconds: 5 }),
  ONE_BYTE_CHUNKS,
  own("bodies without their end", {
    name: "1,000 bodies of 100 KB without their last byte, of 100 addresses",
    connections: 1_000,
    addresses: 100,
    seconds: 12,
  }),
  own("inflating bodies", { name: "bodies of 10 KB that inflate to 10 MB", connections: 50, seconds: 5 }),
  own("pipelined flood", {
    name: "requests without end whose answers are not read",
    connections: 50,
    seconds: 5,
  }),
  THOUSANDS_AT_ONCE,
  own("half-closed", { name: "half-closed in the middle of a body", connections: 500, seconds: 5 }),
  own("half-closed at once", { name: "half-closed at once", connections: 500, seconds: 4 }),
  ...HANDSHAKES,
];
