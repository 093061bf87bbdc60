import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { until } from "../../support/managed-service.ts";
import type { RunningService } from "../../support/service-process.ts";

export const hasStrace = spawnSync("strace", ["-V"]).status === 0;

/** Injects a fault into these system calls of a running service. Resolves to what ends that. */
export async function injected(
  service: RunningService,
  calls: string,
  fault: string,
): Promise<() => Promise<void>> {
  const options = ["-e", `trace=${calls}`, "-e", `inject=${calls}:${fault}`];
  const injecting = spawn("strace", ["-f", "-qq", "-o", "/dev/null", "-p", String(service.pid), ...options], {
    stdio: "ignore",
  });
  const ended = once(injecting, "close");
  await until(() => Promise.resolve(isTraced(service.pid)));
  return async () => {
    injecting.kill();
    await ended;
  };
}

function isTraced(pid: number): boolean {
  return !/^TracerPid:\t0$/m.test(execFileSync("cat", [`/proc/${String(pid)}/status`], { encoding: "utf8" }));
}
