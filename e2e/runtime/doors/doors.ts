import { describe, inject } from "vitest";
import { httpClient } from "./http-client.ts";
import { type RuntimeClient, runtimeClient } from "./runtime-client.ts";
import type { RunningRuntime } from "./runtime-process.ts";

/** The listeners of a runtime. Both accept the same tokens, so what guards one must guard the other. */
export type Door = "gRPC" | "HTTP/JSON";
const DOORS: readonly Door[] = ["gRPC", "HTTP/JSON"];

/** The doors of this machine's runtime. */
export function doorsHere(): readonly Door[] {
  return DOORS.filter(isThere);
}

/** Runs the same story at each door; it is skipped at the HTTP/JSON door where the runtime has none. */
export function describeAtEachDoor(name: string, story: (door: Door) => void): void {
  for (const door of DOORS) describe.skipIf(!isThere(door))(`${name}, over ${door}`, () => story(door));
}

/** Runs a story of the HTTP/JSON door; it is skipped where the runtime has none. */
export function describeHttpDoor(name: string, story: () => void): void {
  describe.skipIf(!isThere("HTTP/JSON"))(name, story);
}

function isThere(door: Door): boolean {
  return door === "gRPC" || inject("runtime").hasHttp;
}

/** An agent at one of the doors. */
export function clientAt(runtime: RunningRuntime, door: Door): RuntimeClient {
  return door === "gRPC" ? runtimeClient(runtime.address) : httpClient(httpUrlOf(runtime));
}

/** The base URL of the HTTP/JSON door, for a story that only runs where there is one. */
export function httpUrlOf({ httpUrl }: RunningRuntime): string {
  if (httpUrl === undefined) throw new Error("this runtime has no HTTP/JSON listener");
  return httpUrl;
}
