import { expect, test } from "vitest";
import { isLoopback } from "./loopback.ts";

const hostOf = (url: string): string => new URL(url).hostname;

test.each([
  "localhost",
  "LOCALHOST.",
  "127.0.0.1",
  "127.8.9.10",
  "::1",
  "[::1]",
  "::ffff:127.0.0.1",
  hostOf("http://[::ffff:127.0.0.1]:3200"),
])("%s is this machine alone", (host) => {
  expect(isLoopback(host)).toBe(true);
});

test.each([
  "0.0.0.0",
  "::",
  "10.0.0.1",
  "127.0.0.1.evil.example",
  "127.evil.example",
  "localhost.evil.example",
  "notlocalhost",
  "a.localhost",
  "128.0.0.1",
  "::ffff:10.0.0.1",
  "::2",
  "",
])("%s may be reached from elsewhere", (host) => {
  expect(isLoopback(host)).toBe(false);
});
