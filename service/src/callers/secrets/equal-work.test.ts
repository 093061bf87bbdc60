import { expect, test, vi } from "vitest";
import { systemRandom } from "../../kernel/random.ts";
import { authenticateDeps, callerEntry } from "../../testing/callers.ts";
import { authenticate } from "../authenticate.ts";
import { hashSecret } from "./secret-hash.ts";
import { generateSecret } from "./secret-text.ts";

// What no clock can show in a test that must not fail by chance: which work a secret costs. `bench/secret-timing.mjs` measures the time.
const calls = vi.hoisted((): string[] => []);
vi.mock("node:crypto", async (original) => {
  const real = await original<typeof import("node:crypto")>();
  const hash = (...args: [string, Buffer, "buffer"]) => {
    calls.push(`hash ${String(args[1].byteLength)}`);
    return real.hash(...args);
  };
  const timingSafeEqual = (...args: Parameters<typeof real.timingSafeEqual>) => {
    calls.push(`compare ${String(args[0].byteLength)}`);
    return real.timingSafeEqual(...args);
  };
  return { ...real, hash, timingSafeEqual };
});

const random = systemRandom();
const secret = generateSecret(random);
const deps = authenticateDeps({
  callers: [
    callerEntry("control-plane", { secrets: [hashSecret(random, secret)] }),
    callerEntry("off", { isDisabled: true, secrets: [hashSecret(random, generateSecret(random))] }),
  ],
});
const origin = {
  remoteAddress: undefined,
  host: undefined,
  origin: undefined,
  fetchSite: undefined,
  isForwarded: false,
};

async function workOf(text: string): Promise<readonly string[]> {
  calls.length = 0;
  await authenticate(deps, { authorization: [`Bearer ${text}`], certificate: () => undefined, origin });
  return [...calls];
}

test("a secret costs one HMAC and one comparison of 32 bytes, whether its id is known or not", async () => {
  const id = secret.reveal().slice(6, 18);
  const idBytes = Buffer.from(
    Array.from(id, (character) => "abcdefghijklmnopqrstuvwxyz234567".indexOf(character)),
  );
  const wrong = generateSecret({ bytes: (count) => (count === 12 ? idBytes : random.bytes(count)) });
  const work = [`hash ${String(64 + secret.reveal().length)}`, "hash 96", "compare 32"];
  expect(await workOf(secret.reveal())).toEqual(work);
  expect(wrong.reveal().slice(6, 18)).toBe(id);
  expect(await workOf(wrong.reveal())).toEqual(work);
  expect(await workOf(generateSecret(random).reveal())).toEqual(work);
});
