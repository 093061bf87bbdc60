import type { TestProject } from "vitest/node";
import { runtimeClient } from "./doors/runtime-client.ts";
import { freePort, launchRuntime, type RunningRuntime, type RuntimeKind } from "./doors/runtime-process.ts";

/** Nobody listens there; a runtime fetches the keys when it meets the first token, which never arrives here. */
const NOWHERE = { jwksUrl: "http://127.0.0.1:9/", jwksTtlSeconds: 60 };

/** Finds out once which runtime this machine has and which doors it opens, and prints that in one line. vitest calls it before the stories. */
export async function setup(project: TestProject): Promise<void> {
  const runtime = await launchRuntime(NOWHERE, await freePort()).catch(() => undefined);
  const kind = await meet(runtime ?? (await launchRuntime(NOWHERE, undefined)));
  const doors = kind.hasHttp
    ? "gRPC and HTTP/JSON"
    : "only gRPC: it has no HTTP/JSON listener (0.12 or newer, built with --features http-listener, has one)";
  console.log(`macp-runtime ${kind.version}, ${doors}`);
  project.provide("runtime", kind);
}

async function meet(runtime: RunningRuntime): Promise<RuntimeKind> {
  const client = runtimeClient(runtime.address);
  try {
    const { status, message } = await client.call<{ runtime_info: { version: string } | null }>(
      "Initialize",
      undefined,
      { supported_protocol_versions: ["1.0"] },
    );
    const version = message?.runtime_info?.version;
    if (version === undefined)
      throw new Error(`the runtime does not say its version: Initialize is ${status}`);
    return { version, hasHttp: runtime.httpUrl !== undefined };
  } finally {
    client.close();
    await runtime.stop();
  }
}
