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
  "::FFFF:7F08:90A",
  "0:0:0:0:0:0:0:1",
  "0:0:0:0:0:ffff:7f00:0001",
  "::1%lo",
  hostOf("http://127.1:3200"),
  hostOf("http://0x7f000001"),
  hostOf("http://[::ffff:127.0.0.1]:3200"),
])("%s is only this machine", (host) => {
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
  "::127.0.0.1",
  "64:ff9b::7f00:1",
  "fe80::1%lo",
  "127.1",
  "127.0.0.01",
  "0x7f.1",
  "2130706433",
  "127.0.0.256",
  "127.0.0.1:3200",
  " 127.0.0.1",
  "",
])("%s may be reached from elsewhere", (host) => {
  expect(isLoopback(host)).toBe(false);
});
