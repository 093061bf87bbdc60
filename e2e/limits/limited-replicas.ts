import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import { type AccessFolder, accessFolder } from "../support/access.ts";
import { type RunningService, startService } from "../support/service-process.ts";

/** Tokens a second for one sender, and the burst. */
export const RATE = 40;
export const REPLICAS = 2;

/** Requests of a flood that are under way at a replica at the same time. */
const WORKERS = 2;

/** One answer to a mint; moments are of this process, in milliseconds. */
interface Minted {
  readonly sentMs: number;
  readonly answeredMs: number;
}

interface Flooded {
  readonly minted: readonly Minted[];
  readonly slowestMs: number;
  readonly seconds: number;
}

/** Two replicas that share the limit of a sender in one server. */
export class LimitedReplicas {
  readonly all: readonly RunningService[];
  readonly #admins: readonly string[];
  readonly #folder: AccessFolder;

  private constructor(folder: AccessFolder, all: readonly RunningService[], admins: readonly string[]) {
    this.#folder = folder;
    this.all = all;
    this.#admins = admins;
  }

  /** Resolves when both have found the server. */
  static async start(url: string): Promise<LimitedReplicas> {
    const folder = await accessFolder({ version: 1, limits: { sender: `${String(RATE)}/1s` } });
    const env = {
      ...folder.env,
      HOST: "127.0.0.1",
      MACP_AUTH_ADMIN_PORT: "0",
      MACP_AUTH_LIMITS_URL: url,
      MACP_AUTH_LIMITS_REPLICAS: String(REPLICAS),
    };
    const all = await Promise.all(Array.from({ length: REPLICAS }, () => startService(env)));
    const admins = await Promise.all(
      all.map(async (one) => `http://127.0.0.1:${String((await one.event("admin_listening"))["port"])}`),
    );
    const replicas = new LimitedReplicas(folder, all, admins);
    await replicas.areLocal(false);
    return replicas;
  }

  /** Waits until each replica says whether it limits by itself. */
  async areLocal(local: boolean): Promise<void> {
    for (const admin of this.#admins) {
      let seen = "";
      for (let tries = 0; tries < 1_000 && !seen.includes(`"local":${String(local)}`); tries += 1) {
        await pause(20);
        seen = await (await fetch(`${admin}/readyz`)).text();
      }
      expect(seen).toContain(`"ready":true`);
      expect(seen).toContain(`"limits":{"local":${String(local)}}`);
    }
  }

  /** The value of a metric at each replica. */
  async figures(name: string): Promise<readonly number[]> {
    return Promise.all(
      this.#admins.map(async (admin) => {
        const lines = (await (await fetch(`${admin}/metrics`)).text()).split("\n");
        return Number(lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1));
      }),
    );
  }

  /** How many lines of an event each replica has written. */
  lines(event: string): readonly number[] {
    return this.all.map((one) => one.events(event).length);
  }

  /** Asks both replicas without a pause, for so long at least and until `meanwhile` is over. */
  async flood(
    sender: string,
    seconds: number,
    meanwhile: () => Promise<void> = async () => undefined,
  ): Promise<Flooded> {
    const start = performance.now();
    const until = start + seconds * 1_000;
    let isOver = false;
    const happened = pause(300)
      .then(meanwhile)
      .finally(() => {
        isOver = true;
      });
    const minted: Minted[] = [];
    let slowestMs = 0;
    const worker = async (service: RunningService) => {
      while (!isOver || performance.now() < until) {
        const sentMs = performance.now();
        const status = await mint(service, sender);
        const answeredMs = performance.now();
        expect([200, 429]).toContain(status);
        if (status === 200) minted.push({ sentMs, answeredMs });
        slowestMs = Math.max(slowestMs, answeredMs - sentMs);
        await pause(2);
      }
    };
    const workers = Array.from({ length: WORKERS }, () => this.all).flat();
    await Promise.all([...workers.map(worker), happened]);
    return { minted, slowestMs, seconds: (performance.now() - start) / 1_000 };
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((one) => one.stop()));
    await this.#folder.remove();
  }
}

async function mint(service: RunningService, sender: string): Promise<number> {
  const { status, body } = await fetch(`http://127.0.0.1:${String(service.port)}/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ sender }),
  });
  await body?.cancel();
  return status;
}

/**
 * The window of a flood that is fullest by its own measure: what was minted in it, in parts of burst + time × rate. A token counts in a
 * window when it was asked for and answered in it, so that it was certainly decided there; so this is never too much.
 */
export function fullestWindow({ minted }: Pick<Flooded, "minted">): number {
  let fullest = 0;
  for (const { sentMs: from } of minted) {
    const ends = minted
      .filter(({ sentMs }) => sentMs >= from)
      .map(({ answeredMs }) => answeredMs)
      .sort((one, other) => one - other);
    for (const [index, to] of ends.entries())
      fullest = Math.max(fullest, (index + 1) / (RATE + (RATE * (to - from)) / 1_000));
  }
  return fullest;
}
